"""Networks of a chain as vectors of small whole numbers, for strategies that cross them; every vector can be made feasible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.constraints import Constraint
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Quantity
from dna_deploy.search.solver.exact import solve_trellis
from dna_deploy.search.solver.trellis import Criterion, Trellis
from dna_deploy.spaces.architecture import Architecture

Genome = NDArray[np.intp]


class Genomes:
    """The networks of a chain under limits, and their genomes: a gene for a block's cell, one for each layer of its deepest."""

    def __init__(self, model: CostModel, limits: tuple[Constraint, ...]) -> None:
        self._model, self._problem, self._limits = model, model.problem, model.criteria((), limits)
        self._index = model.space.index
        each = [self._index.gene_sizes(block) for block in model.space.block_numbers]
        self._ends = np.cumsum([len(sizes) for sizes in each])[:-1]
        self.sizes = np.array([size for sizes in each for size in sizes])
        """How many values each gene has: ``(genes,)``."""

    def random(self, rng: np.random.Generator) -> Architecture:
        """A feasible network: see `random_genome`."""
        return self.architecture(self.random_genome(rng))

    def mutated(self, architecture: Architecture, rng: np.random.Generator) -> Architecture:
        """A feasible network near another one: see `mutated_genome`."""
        genome = self.genome(np.array(self._index.positions(architecture)))
        return self.architecture(self.mutated_genome(genome, rng))

    def value(self, quantity: Quantity, architecture: Architecture) -> float:
        """A cost of a network, in SI units."""
        return self._model.value(quantity, self._index.positions(architecture))

    def architecture(self, genome: Genome) -> Architecture:
        """The network that a genome means."""
        return self._problem.architecture(self.choices(genome))

    def random_genome(self, rng: np.random.Generator) -> Genome:
        """A feasible network: the best for a random taste, so that tight limits are met at once."""
        taste = [np.floor(rng.random(count) * 1e6) for count in self._index.counts]
        return self._cheapest("taste", taste)

    def mutated_genome(self, genome: Genome, rng: np.random.Generator) -> Genome:
        """A feasible genome with about two genes drawn anew."""
        drawn = np.where(rng.random(genome.size) < 2 / genome.size, rng.integers(0, self.sizes), genome)
        return self.repaired(drawn, rng)

    def repaired(self, genome: Genome, rng: np.random.Generator) -> Genome:
        """The same genome if it is feasible, else a feasible one that differs in the fewest layers: found exactly.

        Among equally near ones a random taste decides, so that repairing does not push all to one corner.
        """
        choices = self.choices(genome)
        totals = self._problem.totals(choices[None])
        within = [criterion.sign * totals[criterion.column] <= criterion.limit for criterion in self._limits]
        if np.isfinite(totals).all() and all(bool(mask[0]) for mask in within):
            return genome
        unlike = self._problem.layers_unlike(choices)
        return self._cheapest("layers unlike", [np.floor((count + rng.random(count.size) / 100) * 1e6) for count in unlike])

    def choices(self, genome: Genome) -> NDArray[np.intp]:
        """The candidate of every block: ``(blocks,)``."""
        parts = np.split(genome, self._ends)
        return np.array([self._index.position_of_genes(block, genes.tolist()) for block, genes in enumerate(parts)])

    def genome(self, choices: NDArray[np.intp]) -> Genome:
        """A genome that means these candidates."""
        genes = [self._index.genes(block, int(choice)) for block, choice in enumerate(choices)]
        return np.array([gene for of_block in genes for gene in of_block], np.intp)

    def _cheapest(self, name: str, counts: list[NDArray[np.float64]]) -> Genome:
        problem = self._problem.with_counts(name, counts)
        objective = Criterion(len(problem.columns) - 1, is_objective=True)
        limits = tuple(replace(criterion, is_objective=False) for criterion in self._limits)
        return self.genome(solve_trellis(Trellis(problem, (objective, *limits))).choices[0])
