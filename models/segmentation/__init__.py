"""NS: the network that finds the visible face whatever hides it."""
