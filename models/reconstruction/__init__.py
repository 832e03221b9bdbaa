"""NR: the network that finds a 3D face in a photo, whatever hides it."""
