"""Tests of the room that fits one's own network into a budget."""
