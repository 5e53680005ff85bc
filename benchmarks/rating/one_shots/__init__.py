"""The checks of methods that train a one-shot supernet: what their papers claim, in the small, beside SPOS at equal steps."""
