"""The networks and what they need: morphable model, renderer, ArcFace, and the built-in faces made with them."""
