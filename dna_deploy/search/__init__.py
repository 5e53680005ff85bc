"""Exact search: the best network under every constraint, the whole front, and why. Never imports torch."""

from dna_deploy.search.constraints import Constraint
from dna_deploy.search.quantities import Latency, Macs, Parameters, PeakMemory, Quantity, Rating, WeightBytes
from dna_deploy.search.search import search

__all__ = ["Constraint", "Latency", "Macs", "Parameters", "PeakMemory", "Quantity", "Rating", "WeightBytes", "search"]
