"""A run: its configuration, its lock, the files that it makes and how long it takes."""
