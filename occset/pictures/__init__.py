"""Pictures and masks: read, written, converted, aligned, compared; the face detector."""
