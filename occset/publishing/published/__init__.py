"""A set for others without its photos: recipes and hashes, and whether who holds the sources gets the same samples."""
