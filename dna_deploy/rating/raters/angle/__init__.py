"""The angle by which training has turned a network's weights: the measure by which ABS shrinks a space."""
