"""Random spaces, ratings and tables small enough to enumerate, and the answers that enumeration gives."""

from __future__ import annotations

import random
from dataclasses import dataclass

from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import AbsentRow, Calibration, LatencyRow, LatencyTable
from dna_deploy.records.rating_table import BlockRatings, CellRatings, RatingTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.block import Block, Cell, FixedLayer
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.heads import describe_head
from dna_deploy.spaces.operations import ClassifierHead, Conv, MBConv, Pointwise
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.target import Precision, Target

OPERATIONS = (MBConv(3, 1), MBConv(3, 3), MBConv(5, 3), MBConv(5, 6), MBConv(7, 6), Pointwise())
PROVENANCE = Provenance(created_at="2026-01-01T00:00:00+00:00", tool_version="0", python_version="3", host="h", command="c")


@dataclass(frozen=True)
class Instance:
    """A whole search problem."""

    space: ChainSpace
    ratings: RatingTable
    tables: tuple[LatencyTable, ...]

    def latency(self, architecture: Architecture, table: int = 0) -> float:
        return self.tables[table].predict(self.space, architecture).seconds

    def rating(self, architecture: Architecture) -> float:
        return self.ratings.of(self.space, architecture)


def small_instance(seed: int, targets: int = 1, absent: float = 0.0) -> Instance:
    """Two or three blocks whose widths couple, at most 216 networks."""
    rng = random.Random(seed)
    blocks = []
    count = rng.choice((2, 3))
    for _ in range(count):
        shapes = rng.sample([(1, 8), (1, 16), (2, 8), (2, 16)], rng.choice((1, 2, 5 - count)))
        operations = tuple(rng.sample(OPERATIONS, rng.choice((1, 2))))
        blocks.append(Block(rng.choice((1, 2)), tuple(Cell.uniform(width, depth, operations) for depth, width in shapes)))
    space = ChainSpace(
        f"random-{seed}", FeatureMap(3, 16, 16), (FixedLayer(Conv(3), 8),), tuple(blocks), (FixedLayer(ClassifierHead(8), 4),)
    ).with_head()
    precisions: tuple[Precision, ...] = ("fp32", "fp16", "int8")
    tables = tuple(random_table(space, rng, f"device-{index}", precisions[index % 3], absent) for index in range(targets))
    return Instance(space, random_ratings(space, rng), tables)


def random_ratings(space: ChainSpace, rng: random.Random, error: float = 0.0) -> RatingTable:
    blocks = tuple(
        BlockRatings(
            cells=tuple(
                CellRatings(
                    width=cell.width,
                    depth=cell.depth,
                    ratings=tuple(rng.uniform(0.1, 1) for _ in range(cell.count())),
                    standard_errors=(error,) * cell.count(),
                )
                for cell in block.cells
            )
        )
        for block in space.blocks
    )
    return RatingTable(
        provenance=PROVENANCE, space=space.name, space_digest=space.digest, method="random", teacher="none",
        dataset="none", images=0, blocks=blocks,
    )  # fmt: skip


def random_table(
    space: ChainSpace, rng: random.Random, target: str = "device", precision: Precision = "fp32", absent: float = 0.0
) -> LatencyTable:
    fixed = {layer.key for layer in space.stem_layers}
    fixed |= {layer.key for input in space.index.inputs[-1] for layer in space.head_layers(input)}
    keys = [layer.key for layer in space.rows()]
    lost = {key for key in keys if key not in fixed and rng.random() < absent}
    return LatencyTable(
        provenance=PROVENANCE,
        space=space.name,
        space_digest=space.digest,
        head=describe_head(space.head),
        target=Target(name=target, precision=precision),
        fingerprint=Fingerprint(processor="p", logical_processors=1, system="s", runtime_version="1"),
        statistic="p25",
        rows=tuple(
            LatencyRow(layer=key, latency_s=rng.uniform(1e-4, 2e-3), standard_error_s=rng.uniform(0, 1e-5), samples=30)
            for key in keys
            if key not in lost
        ),
        absent=tuple(AbsentRow(layer=key, reason="did not run") for key in keys if key in lost),
        calibrations=(
            Calibration(
                quantile="p50", scale=rng.uniform(0.8, 1.2), offset_s=rng.uniform(-1e-4, 1e-3), networks=8, relative_error=0.01
            ),
            Calibration(
                quantile="p90", scale=rng.uniform(1.2, 1.5), offset_s=rng.uniform(0, 1e-3), networks=8, relative_error=0.02
            ),
        ),
        grade="A",
        doubts=(),
        runs=(),
    )
