"""The training engine: one loop on Lightning Fabric that every network of ours is trained by."""
