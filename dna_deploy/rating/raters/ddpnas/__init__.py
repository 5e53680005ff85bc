"""DDPNAS: a supernet whose space shrinks to one network by a distribution over options."""
