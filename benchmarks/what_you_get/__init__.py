"""What the user gets: networks that were found beside others of the same latency."""
