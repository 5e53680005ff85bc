"""Formats of an exported model, and the graphs in them."""
