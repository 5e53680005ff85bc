"""NSE: a space of more operations than can be trained at once evolves, round by round."""
