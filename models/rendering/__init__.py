"""Cameras, light and the rasteriser."""
