"""Methods of reconstruction that need no network."""
