"""Built-in methods of de-occlusion that are no controls."""
