"""Trains whole networks: teachers and the chosen architecture."""
