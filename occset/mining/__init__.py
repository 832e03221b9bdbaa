"""Mining: which faces a model finds hard or whose label it doubts, in which order, and why."""
