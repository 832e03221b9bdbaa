"""The formats of others that a set is written in, a module each."""
