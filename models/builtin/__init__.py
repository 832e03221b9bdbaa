"""Faces, occluders and textures made by code, so that everything runs with no download."""
