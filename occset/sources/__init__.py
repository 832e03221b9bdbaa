"""Where faces, occluders and textures come from: one module for each layout."""
