"""What a calibration knows of a network: of every block its rating and cost, and how neighbours' ratings meet.

Every number is a sum over blocks, but for the last. Each is centred and scaled over all candidates, so that one means a
typical difference between networks drawn at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from dna_deploy.records.rating_table import RatingTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.placed import PlacedLayer

Values = npt.NDArray[np.float64]

COSTS = ("log of multiply-accumulates", "log of parameters", "layers")


@dataclass(frozen=True)
class CandidateFeatures:
    """``blocks[k]`` is ``(candidates, 1 + costs)``: a candidate's rating, more is better, then its costs; all standardised."""

    blocks: tuple[Values, ...]

    @classmethod
    def of(cls, space: ChainSpace, ratings: RatingTable) -> Self:
        """The features of every candidate.

        Raises:
            TableError: the ratings are for another space.
        """
        ratings.check_space(space)
        raw = []
        for index, (rated, _) in enumerate(ratings.candidates):
            cells = zip(space.index.anywhere(index), space.index.slices(index), strict=True)
            inputs = [input for (input, _), part in cells for _ in range(part.start, part.stop)]
            pairs = zip(space.index.candidates(index), inputs, strict=True)
            costs = [_costs(space.index.place(index, choice, input)) for choice, input in pairs]
            raw.append(np.column_stack((-np.array(rated), np.array(costs))))
        centred = [values - values.mean(0) for values in raw]
        scale = np.sqrt(sum(values.var(0) for values in centred))
        scale[scale == 0] = 1.0
        return cls(tuple(values / scale for values in centred))

    # Columns of a design: a constant, a rating a block, the costs, a product for each pair of neighbours.

    @property
    def columns(self) -> int:
        return 1 + len(self.blocks) + len(COSTS) + max(0, len(self.blocks) - 1)

    @property
    def constant(self) -> Values:
        """1 in the constant's column, else 0; alike for the others below."""
        return self._marked(0, 1)

    @property
    def sums(self) -> Values:
        return self._marked(1, len(self.blocks))

    @property
    def costs(self) -> Values:
        return self._marked(1 + len(self.blocks), len(COSTS))

    @property
    def neighbours(self) -> Values:
        return self._marked(1 + len(self.blocks) + len(COSTS), max(0, len(self.blocks) - 1))

    def design(self, chosen: npt.NDArray[np.intp]) -> Values:
        """A row a network, ``(networks, columns)``, from the candidates of its blocks ``(networks, blocks)``."""
        rows = np.zeros((len(chosen), self.columns))
        rows[:, 0] = 1
        for block in range(len(self.blocks)):
            rows += self.design_of_block(block)[chosen[:, block]]
        units = [values[:, 0] / (values[:, 0].std() or 1.0) for values in self.blocks]
        first = 1 + len(self.blocks) + len(COSTS)
        for block in range(len(self.blocks) - 1):
            rows[:, first + block] = units[block][chosen[:, block]] * units[block + 1][chosen[:, block + 1]]
        return rows

    def design_of_block(self, block: int) -> Values:
        """What each candidate of a block adds to a row, ``(candidates, columns)``."""
        values = self.blocks[block]
        rows = np.zeros((len(values), self.columns))
        rows[:, 1 + block] = values[:, 0]
        first = 1 + len(self.blocks)
        rows[:, first : first + len(COSTS)] = values[:, 1:]
        return rows

    def _marked(self, first: int, count: int) -> Values:
        marks = np.zeros(self.columns)
        marks[first : first + count] = 1
        return marks


def positions(space: ChainSpace, architectures: Sequence[Architecture]) -> npt.NDArray[np.intp]:
    """The number of each network's candidate in every block, ``(networks, blocks)``."""
    rows = [space.index.positions(architecture) for architecture in architectures]
    return np.array(rows, dtype=np.intp).reshape(len(architectures), len(space.block_numbers))


def _costs(layers: Sequence[PlacedLayer]) -> tuple[float, ...]:
    """The costs of a candidate."""
    macs, parameters = sum(layer.macs for layer in layers), sum(layer.parameters for layer in layers)
    return (float(np.log(macs)), float(np.log(parameters)), float(len(layers)))
