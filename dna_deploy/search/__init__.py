"""Exact search: the best network under every constraint, the whole front, and why. Never imports torch."""

from dna_deploy.search.black_box import search_black_box
from dna_deploy.search.constraints import Constraint
from dna_deploy.search.devices import Portfolio, portfolio
from dna_deploy.search.quantities import Latency, Macs, Parameters, PeakMemory, Quantity, Rating, WeightBytes
from dna_deploy.search.question import largest_that_fits, pareto_front, search

__all__ = [
    "Constraint",
    "Latency",
    "Macs",
    "Parameters",
    "PeakMemory",
    "Portfolio",
    "Quantity",
    "Rating",
    "WeightBytes",
    "largest_that_fits",
    "pareto_front",
    "portfolio",
    "search",
    "search_black_box",
]
