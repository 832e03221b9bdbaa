"""The whole pipeline: a photo in, the face without its occluder out."""
