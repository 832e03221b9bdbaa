"""Bringing sources into a set, and what a source says anew of faces that the set has."""
