"""From ratings to predicted accuracies."""
