"""NG: the network that paints the face without what hid it."""
