"""What is told and kept of a step that went wrong."""
