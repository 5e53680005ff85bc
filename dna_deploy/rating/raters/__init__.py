"""Ways to rate, one folder each."""
