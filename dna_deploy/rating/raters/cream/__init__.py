"""Cream: a one-shot supernet whose best networks teach the others."""
