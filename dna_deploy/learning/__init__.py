"""How things are trained and run: checkpoints, precision, memory, processes; it knows no network."""
