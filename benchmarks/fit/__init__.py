"""What is claimed of fitting one's own network into a budget."""
