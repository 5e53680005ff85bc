"""From somebody's own trained model and a budget to a network that keeps it: the whole way."""
