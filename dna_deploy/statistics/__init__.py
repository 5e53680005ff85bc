"""Statistics of ranks."""
