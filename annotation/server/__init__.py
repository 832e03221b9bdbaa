"""A Label Studio of the user's own: its environment, its process, its user."""
