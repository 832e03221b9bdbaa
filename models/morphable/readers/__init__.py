"""Readers of morphable models in the layouts of their makers; whatever a file holds, nothing of it is executed."""
