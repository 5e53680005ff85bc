"""Ways to rate a block, one file each."""
