"""Timings of ours beside those of other tools, on the same files."""
