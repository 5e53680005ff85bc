"""Which recipe, and what inherited weights are worth."""
