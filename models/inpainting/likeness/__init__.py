"""How alike two pictures are, as gradients can flow through it: structure, and features of another network."""
