"""Photos of any size through a network: find the faces, align them, and lay what was found back on the photo."""
