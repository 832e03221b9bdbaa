"""Eq. 2: where an occluder goes on a face, how it is warped there, and how the two become one picture."""
