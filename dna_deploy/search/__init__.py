"""Exact constrained search over measured costs and additive ratings."""
