"""What a step trains of a supernet, one way to draw it a file."""
