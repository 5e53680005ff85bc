"""Networks as vectors of small whole numbers, for strategies that mutate and cross; every vector can be made feasible."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from dna_deploy.search.diverse import distances
from dna_deploy.search.solver.exact import solve_trellis
from dna_deploy.search.solver.problem import Problem
from dna_deploy.search.solver.trellis import Criterion, Trellis
from dna_deploy.spaces.space import Block

Genome = NDArray[np.intp]


class Genomes:
    """The genomes of a problem under limits. A block has one gene for its cell and one for each layer of its deepest."""

    def __init__(self, problem: Problem, limits: tuple[Criterion, ...]) -> None:
        self._problem, self._limits = problem, limits
        self.sizes = np.array([size for block in problem.space.blocks for size in _sizes(block)])
        """How many values each gene has: ``(genes,)``."""

    def random(self, rng: np.random.Generator) -> Genome:
        """A feasible network: the best for a random taste, so that tight limits are met at once."""
        taste = [np.floor(rng.random(block.count()) * 1e6) for block in self._problem.space.blocks]
        return self._cheapest("taste", taste)

    def mutated(self, genome: Genome, rng: np.random.Generator) -> Genome:
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
        if np.isfinite(totals).all() and all(bool(one[0]) for one in within):
            return genome
        unlike = distances(self._problem, choices)
        return self._cheapest("layers unlike", [np.floor((count + rng.random(count.size) / 100) * 1e6) for count in unlike])

    def choices(self, genome: Genome) -> NDArray[np.intp]:
        """The candidate of every block: ``(blocks,)``."""
        choices, first = [], 0
        for block in self._problem.space.blocks:
            genes = genome[first : first + len(_sizes(block))]
            first += genes.size
            choices.append(_position(block, genes))
        return np.array(choices)

    def genome(self, choices: NDArray[np.intp]) -> Genome:
        """A genome that means these candidates."""
        pairs = zip(self._problem.space.blocks, choices, strict=True)
        return np.concatenate([_genes(block, int(choice)) for block, choice in pairs])

    def _cheapest(self, name: str, counts: list[NDArray[np.float64]]) -> Genome:
        problem = self._problem.with_counts(name, counts)
        objective = Criterion(len(problem.columns) - 1, is_objective=True)
        limits = tuple(replace(criterion, is_objective=False) for criterion in self._limits)
        return self.genome(solve_trellis(Trellis(problem, (objective, *limits))).choices[0])


def _sizes(block: Block) -> list[int]:
    deepest = max(cell.depth for cell in block.cells)
    widest = [max(len(cell.layers[layer]) for cell in block.cells if cell.depth > layer) for layer in range(deepest)]
    return [len(block.cells), *widest]


def _position(block: Block, genes: Genome) -> int:
    cell = block.cells[genes[0]]
    position = 0
    for gene, operations in zip(genes[1:], cell.layers, strict=False):
        position = position * len(operations) + int(gene) % len(operations)
    return sum(before.count() for before in block.cells[: genes[0]]) + position


def _genes(block: Block, choice: int) -> Genome:
    genes = np.zeros(len(_sizes(block)), np.intp)
    for index, cell in enumerate(block.cells):
        if choice < cell.count():
            genes[0] = index
            break
        choice -= cell.count()
    for layer in range(cell.depth, 0, -1):
        choice, genes[layer] = divmod(choice, len(cell.layers[layer - 1]))
    return genes
