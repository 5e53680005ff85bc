"""Option groups: what several commands ask for, written once. A command lists its groups."""
