"""Image data sets with fixed, recorded splits."""
