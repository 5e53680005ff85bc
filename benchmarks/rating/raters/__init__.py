"""What the experiments rate with: one file a way, from images to scores."""
