"""A genetic algorithm by pymoo: crossing, mutation and survival are the library's; feasibility is ours, and exact."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from pymoo.algorithms.soo.nonconvex.ga import GA
from pymoo.core.problem import Problem
from pymoo.operators.crossover.ux import UX
from pymoo.operators.mutation.pm import PolynomialMutation
from pymoo.operators.repair.rounding import RoundingRepair
from pymoo.problems.static import StaticProblem

from dna_deploy.errors import UsageError
from dna_deploy.search.genome import Genomes
from dna_deploy.search.networks import Networks
from dna_deploy.spaces.architecture import Architecture

_POPULATION = 32
_TRIES = 8
_NEWCOMER_EVERY = 4
"""One child in so many is a new random network: with so few ratings a population narrows too soon without."""


class Evolution:
    """Starts from feasible networks; a child that breaks a limit becomes the nearest network that keeps it."""

    def __init__(self, networks: Networks, seed: int) -> None:
        if not isinstance(networks, Genomes):
            raise UsageError("the strategy 'evolution' crosses networks, which only those of a chain can be", "take 'ageing'")
        self._genomes = genomes = networks
        self._rng = np.random.default_rng(seed)
        self._seen: set[bytes] = set()
        start = np.stack([genomes.random_genome(self._rng) for _ in range(_POPULATION)])
        self._problem = Problem(n_var=start.shape[1], n_obj=1, xl=0, xu=genomes.sizes - 1, vtype=int)
        mutation = PolynomialMutation(prob=1.0, eta=3.0, vtype=float, repair=RoundingRepair())
        self._algorithm = GA(pop_size=_POPULATION, sampling=start, crossover=UX(), mutation=mutation)
        self._algorithm.setup(self._problem, termination=("n_gen", 10**9), seed=seed, verbose=False)

    def ask(self) -> Sequence[Architecture]:
        self._children = self._algorithm.ask()
        if self._children is None or not len(self._children):
            return ()
        proposed = self._children.get("X").astype(np.intp)
        for newcomer in range(0, len(proposed), _NEWCOMER_EVERY) if self._seen else ():
            proposed[newcomer] = self._genomes.random_genome(self._rng)
        children = np.stack([self._fresh(self._genomes.repaired(genome, self._rng)) for genome in proposed])
        self._children.set("X", children)
        return [self._genomes.architecture(genome) for genome in children]

    def _fresh(self, genome: NDArray[np.intp]) -> NDArray[np.intp]:
        """The genome, mutated until it is one not asked for before: ratings are too dear to ask twice."""
        for _ in range(_TRIES):
            if genome.tobytes() not in self._seen:
                break
            genome = self._genomes.mutated_genome(genome, self._rng)
        self._seen.add(genome.tobytes())
        return genome

    def tell(self, ratings: NDArray[np.float64]) -> None:
        self._algorithm.evaluator.eval(StaticProblem(self._problem, F=ratings[:, None]), self._children)
        self._algorithm.tell(infills=self._children)
