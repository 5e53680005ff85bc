"""Which of the places where a teacher may be cut end the blocks of a space."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dna_deploy.nets.teachers.reading import Grid
from dna_deploy.spaces.shapes import Shape

_FAR = 2.0
"""In sizes doubled: what is that far from a block says less of it than one layer of its size."""


@dataclass(frozen=True)
class CutPoint:
    """A module after which the network may be cut, the shape there, and the places that it knows.

    ``places`` are the numbers of their tokens, where it emits these.
    """

    name: str
    shape: Shape
    grid: Grid
    places: tuple[int, ...] = ()

    @property
    def level(self) -> int:
        """How deep the module is nested."""
        return self.name.count(".") + 1


def mismatch(points: Sequence[CutPoint], sizes: Sequence[Grid]) -> float:
    """How far the nearest points are from the sizes of blocks, in sizes doubled; infinite where there are no points."""
    return sum(_distance(_nearest(points, size), size) for size in sizes) if points else math.inf


def are_far(points: Sequence[CutPoint], sizes: Sequence[Grid]) -> bool:
    """Whether some block would imitate features of a quarter of its size, or of four times it."""
    return not points or any(_distance(_nearest(points, size), size) >= _FAR for size in sizes)


def choose_cuts(points: Sequence[CutPoint], sizes: Sequence[Grid]) -> tuple[CutPoint, ...]:
    """One cut point a block, of the block's size or the nearest: ends of stages where there are enough, else evenly spaced.

    Where a size has fewer points than blocks, some blocks share one.
    """
    grids = [_nearest(points, size) for size in sizes]
    order = list(dict.fromkeys(grids))
    chosen = []
    for number, grid in enumerate(order):
        later = min((place for place, point in enumerate(points) if point.grid in order[number + 1 :]), default=len(points))
        same = [point for point in points if point.grid == grid]
        before = [point for point in points[:later] if point.grid == grid]  # of parallel branches only what runs first
        blocks = grids.count(grid)
        chosen += _spread(_shallowest(before or same, blocks), blocks)
    return tuple(chosen)


def _nearest(points: Sequence[CutPoint], size: Grid) -> Grid:
    """The places of the points that are nearest to a size; of two, the more. A single place is taken where nothing else is."""
    grids = {point.grid for point in points}
    several = grids - ({(1, 1)} if size != (1, 1) else set())
    return min(several or grids, key=lambda grid: (_distance(grid, size), -math.prod(grid)))


def _distance(grid: Grid, size: Grid) -> float:
    return abs(math.log2(math.prod(grid) / math.prod(size))) / 2


def _shallowest(points: Sequence[CutPoint], blocks: int) -> list[CutPoint]:
    """The points of the fewest levels that are enough; of them only the ends of stages, where those are enough."""
    level = next((level for level in range(1, 99) if sum(point.level <= level for point in points) >= blocks), 99)
    enough = [point for point in points if point.level <= level]
    follows = [*enough[1:], None]
    ends = [
        point
        for point, after in zip(enough, follows, strict=True)
        if after is None or after.shape.channels != point.shape.channels
    ]
    return ends if len(ends) >= blocks else enough


def _spread(points: Sequence[CutPoint], count: int) -> list[CutPoint]:
    """``count`` of the points, evenly spaced, the last among them."""
    return [points[-(-(number + 1) * len(points) // count) - 1] for number in range(count)]
