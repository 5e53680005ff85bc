"""The exact solver, for spaces that are chains."""
