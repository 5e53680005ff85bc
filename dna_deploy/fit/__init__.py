"""Somebody's own trained network, made to run within a budget."""
