"""Built-in methods of segmentation that are no controls."""
