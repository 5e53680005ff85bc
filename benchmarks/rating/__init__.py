"""Do ratings know which network is better? Every experiment against lists of networks of known accuracy."""
