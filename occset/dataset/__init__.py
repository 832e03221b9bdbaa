"""The folder of a set: its tables, what is stored in it, its splits and its recipes."""
