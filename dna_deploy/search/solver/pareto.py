"""Which of many points no other point beats. Points are columns of an array; in every row, less is better.

Of equal points the first stays. Two rows take one sort; more rows divide and conquer (Kung, Luccio and Preparata,
"On finding the maxima of a set of vectors", JACM 1975), so that nothing is compared with everything.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
Indices = NDArray[np.intp]

_SMALL = 128
"""So many points compared with each other at once take less time than to divide them."""

_MANY = 512
_CELLS = 4096


def non_dominated(points: Points, depth: int = 1) -> Indices:
    """Positions of the points that fewer than ``depth`` others beat, by ascending first row.

    For ``depth`` above 1 it peels front after front: a point behind ``depth`` fronts is beaten by one point of each, so
    every point that fewer than ``depth`` others beat is among those kept, with some more.
    """
    if depth == 1:
        return _non_dominated(points)
    rest = np.lexsort(points[::-1])
    indices = [np.empty(0, np.intp)]
    for _ in range(depth):
        if not rest.size:
            break
        front = _front(points[:, rest])
        indices.append(rest[front])
        rest = np.delete(rest, front)
    return np.concatenate(indices)


def _non_dominated(points: Points) -> Indices:
    if points.shape[0] == 1:
        return np.atleast_1d(points[0].argmin()) if points.size else np.empty(0, np.intp)
    likely = _not_beaten_by_a_cell(points) if points.shape[1] > _MANY else np.arange(points.shape[1])
    likely = likely[np.lexsort(points[::-1, likely])]
    return np.asarray(likely[_front(points[:, likely])])


def _not_beaten_by_a_cell(points: Points) -> Indices:
    """A cheap sieve: lays a grid over all rows but the last, and drops points that a cell below them in every row beats."""
    bins = max(2, int(_CELLS ** (1 / (points.shape[0] - 1))))
    cells = np.zeros(points.shape[1], np.intp)
    for row in points[:-1]:
        low, high = row.min(), row.max()
        scale = (bins - 1) / (high - low) if high > low else 0.0
        cells = cells * bins + ((row - low) * scale).astype(np.intp)
    least = np.full(bins ** (points.shape[0] - 1), np.inf)
    np.minimum.at(least, cells, points[-1])
    grid = least.reshape((bins,) * (points.shape[0] - 1))
    below = np.full(np.array(grid.shape) + 1, np.inf)
    below[(slice(1, None),) * grid.ndim] = grid
    for axis in range(grid.ndim):
        below = np.minimum.accumulate(below, axis=axis)
    strictly = below[(slice(0, -1),) * grid.ndim].ravel()
    return np.flatnonzero(points[-1] < strictly[cells])


def _front(points: Points) -> Indices:
    """The non-dominated among points that are sorted by their first row, then the second, and so on."""
    rows, count = points.shape
    if rows == 1 or count <= 1:
        return np.arange(min(count, 1))
    if rows == 2:
        best_before = np.minimum.accumulate(points[1])
        return np.flatnonzero(np.concatenate(([True], points[1, 1:] < best_before[:-1])))
    if count <= _SMALL:
        return np.flatnonzero(~_beaten_by_earlier(points))
    half = count // 2
    early, late = _front(points[:, :half]), half + _front(points[:, half:])
    beaten = _beaten(points[1:, late], points[1:, early])
    return np.concatenate((early, late[~beaten]))


def _beaten_by_earlier(points: Points) -> NDArray[np.bool_]:
    """Which points of a sorted few an earlier one beats or equals."""
    count = points.shape[1]
    beats = np.triu(np.ones((count, count), np.bool_), 1)
    for row in points:
        beats &= row[:, None] <= row[None, :]
    return np.asarray(beats.any(axis=0))


def _beaten(points: Points, others: Points) -> NDArray[np.bool_]:
    """Which points one of the others beats or equals in every row."""
    if not others.shape[1] or not points.shape[1]:
        return np.zeros(points.shape[1], np.bool_)
    if points.shape[0] == 1:
        return np.asarray(points[0] >= others[0].min())
    if points.shape[0] == 2:
        order = np.argsort(others[0], kind="stable")
        best = np.concatenate(([np.inf], np.minimum.accumulate(others[1, order])))
        return np.asarray(best[np.searchsorted(others[0, order], points[0], side="right")] <= points[1])
    if points.shape[1] * others.shape[1] <= _SMALL * _SMALL:
        beats = np.ones((others.shape[1], points.shape[1]), np.bool_)
        for row, other in zip(points, others, strict=True):
            beats &= other[:, None] <= row[None, :]
        return np.asarray(beats.any(axis=0))
    return _beaten_halved(points, others)


def _beaten_halved(points: Points, others: Points) -> NDArray[np.bool_]:
    """Splits both at a value of the first row: the lower others need not be compared there with the upper points."""
    values = np.unique(np.concatenate((points[0], others[0])))
    beaten = np.zeros(points.shape[1], np.bool_)
    if values.size == 1:
        return _beaten(points[1:], others[1:])
    middle = values[values.size // 2]
    low, low_others = points[0] < middle, others[0] < middle
    beaten[low] = _beaten(points[:, low], others[:, low_others])
    high = np.flatnonzero(~low)
    beaten[high] = _beaten(points[1:, high], others[1:, low_others])
    high = high[~beaten[high]]
    beaten[high] = _beaten(points[:, high], others[:, ~low_others])
    return beaten
