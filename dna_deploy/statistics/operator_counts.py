"""What counting operations alone would say of networks: a baseline for ratings that is itself fitted on known accuracies.

A rating that knows no more than this knows which kinds of operations are good at which resolution, and nothing about how they
work together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.statistics.ranks import Values

_STRENGTH = 1.0
"""Of the ridge, on columns of deviation one: as much as one more network would say."""


def operator_counts(space: SearchSpace, architectures: Sequence[Architecture]) -> Values:
    """How many layers of every kind a network has at each resolution, how many in all there, and the widths of what it emits.

    Returns:
        An array ``(networks, features)``; in a chain of blocks with strides a resolution is a block.
    """
    placed = [[(layer.output.extent, layer.operation.code) for layer in space.place(network)] for network in architectures]
    codes = sorted({layer for layers in placed for layer in layers})
    extents = sorted({extent for extent, _ in codes})
    widths = [[shape.channels for shape in space.outputs(network)] for network in architectures]
    depths = [[[extent for extent, _ in layers].count(extent) for extent in extents] for layers in placed]
    rows = [[*map(layers.count, codes), *depth, *width] for layers, depth, width in zip(placed, depths, widths, strict=True)]
    return np.array(rows, dtype=float)


def left_one_out(features: Values, accuracy: Values) -> Values:
    """Every network's accuracy as a ridge regression on all others predicts it."""
    varying = features[:, features.std(0) > 0]
    design = np.column_stack([np.ones(len(varying)), (varying - varying.mean(0)) / varying.std(0)])
    penalty = _STRENGTH * np.diag([0.0, *np.ones(varying.shape[1])])
    hat = design @ np.linalg.solve(design.T @ design + penalty, design.T)
    predicted: Values = accuracy - (accuracy - hat @ accuracy) / (1 - np.diag(hat))
    return predicted
