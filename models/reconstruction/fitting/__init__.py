"""Analysis by synthesis: the coefficients of a face from a photo, by optimisation instead of a network."""
