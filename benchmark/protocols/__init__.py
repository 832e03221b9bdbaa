"""Frozen lists of recipes: their rules, how they are made and read, and the hash of what they are rendered from."""
