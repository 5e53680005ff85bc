"""Ratings and latencies that look like real ones: dearer candidates tend to rate better, with noise that is not all noise.

Latency rows follow MACs and activations with a spread of 20 % (kernels that suit a machine more or less); a candidate's
rating falls with the logarithm of its layers' MACs, differs by operation and depth, and carries noise of its own.
"""

from __future__ import annotations

import math
import random

import numpy as np

from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import Calibration, LatencyRow, LatencyTable
from dna_deploy.records.rating_table import BlockRatings, CellRatings, RatingTable
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.spaces.heads import describe_head
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.target import Target

PROVENANCE = Provenance(created_at="2026-01-01T00:00:00+00:00", tool_version="0", python_version="3", host="h", command="c")


def latency_table(space: HeadedSpace, seed: int, target: str = "device") -> LatencyTable:
    """A plausible table: 4 GMAC/s, 2 G elements/s, 15 us a layer, 20 % spread."""
    rng = random.Random(seed)

    def row(layer: PlacedLayer) -> LatencyRow:
        moved = sum(shape.elements for step in layer.steps for shape in (*step.inputs, step.output))
        latency = (15e-6 + layer.macs / 40e9 + moved / 2e9) * math.exp(rng.gauss(0, 0.2))
        return LatencyRow(layer=layer.key, latency_s=latency, standard_error_s=0.005 * latency, samples=60)

    return LatencyTable(
        provenance=PROVENANCE, space=space.name, space_digest=space.digest, head=describe_head(space.head),
        target=Target(name=target),
        fingerprint=Fingerprint(processor="p", logical_processors=1, system="s", runtime_version="1"), statistic="p25",
        rows=tuple(row(layer) for layer in space.rows()), absent=(),
        calibrations=(Calibration(quantile="p50", scale=1.05, offset_s=5e-5, networks=10, relative_error=0.013),),
        grade="A", doubts=(), runs=(),
    )  # fmt: skip


def rating_table(space: ChainSpace, seed: int, noise: float = 0.01) -> RatingTable:
    """Plausible ratings: 0.2 to 0.6 a block, better for more MACs, with an own worth of each operation at each layer."""
    rng = np.random.default_rng(seed)
    blocks = []
    for index, block in enumerate(space.blocks):
        input = space.index.inputs[index][0]
        cells = []
        for cell in block.cells:
            total = np.zeros(1)
            shape, stride = input, block.stride
            for operations in cell.layers:
                layers = [PlacedLayer(operation, shape, cell.width, stride) for operation in operations]
                worth = np.array([-0.06 * math.log(layer.macs) for layer in layers]) + rng.normal(0, 0.02, len(layers))
                total = np.add.outer(total, worth - 0.03).ravel()
                shape, stride = layers[0].output, 1
            cells.append(total + rng.normal(0, noise, total.size))
        best = min(float(cell.min()) for cell in cells)
        blocks.append(BlockRatings(cells=tuple(
            CellRatings(width=cell.width, depth=cell.depth, ratings=tuple((values - best + 0.2).tolist()),
                        standard_errors=(0.002,) * values.size)
            for cell, values in zip(block.cells, cells, strict=True)
        )))  # fmt: skip
    return RatingTable(
        provenance=PROVENANCE, space=space.name, space_digest=space.digest, method="synthetic", teacher="none",
        dataset="none", images=0, blocks=tuple(blocks),
    )  # fmt: skip


def long_space(blocks: int, candidates: int) -> HeadedSpace:
    """A space with this many blocks and about this many candidates a block; every fourth block has two widths."""
    operations = tuple(MBConv(kernel, expansion) for kernel in (3, 5, 7, 9, 11, 13, 15) for expansion in (2, 3, 4, 6))
    depth = 3 if candidates > 500 else 2
    count = max(2, round(candidates ** (1 / depth)))

    def block(index: int) -> Block:
        cell = Cell(32, (operations[:count],) * depth)
        extra = (Cell(24, (operations[:count],) * (depth - 1)),) if index % 4 == 0 else ()
        return Block(1, (cell, *extra))

    return ChainSpace(
        f"long-{blocks}x{candidates}", FeatureMap(3, 32, 32), (FixedLayer(Conv(3), 16, 2),),
        tuple(block(index) for index in range(blocks)), (FixedLayer(ClassifierHead(64), 10),),
    ).with_head()  # fmt: skip
