"""The exact search beside other searchers, on one table."""
