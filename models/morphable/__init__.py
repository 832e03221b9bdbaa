"""Morphable face models: one interface, several origins."""
