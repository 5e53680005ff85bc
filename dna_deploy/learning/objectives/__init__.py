"""What a training minimises, one objective a file."""
