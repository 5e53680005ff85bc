"""A tiny space with made-up numbers, for examples and first steps: two blocks, eight networks that matter."""

from __future__ import annotations

from dna_deploy.records.files import Provenance
from dna_deploy.records.latency_table import Calibration, LatencyRow, LatencyTable
from dna_deploy.records.rating_table import BlockRatings, CellRatings, RatingTable
from dna_deploy.spaces.examples import EXAMPLE
from dna_deploy.spaces.heads import head_of
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.target import Target

_MADE_UP = Provenance(
    created_at="2026-01-01T00:00:00+00:00", tool_version="0", python_version="3", host="none", command="example"
)

SPACE = EXAMPLE


def _cell(width: int, depth: int, *ratings: float) -> CellRatings:
    return CellRatings(width=width, depth=depth, ratings=ratings, standard_errors=(0.002,) * len(ratings))


RATINGS = RatingTable(
    provenance=_MADE_UP,
    space=SPACE.name,
    space_digest=SPACE.digest,
    method="made-up",
    teacher="none",
    dataset="none",
    images=0,
    blocks=(
        BlockRatings(cells=(_cell(16, 1, 0.35, 0.32), _cell(24, 1, 0.30, 0.26))),
        BlockRatings(cells=(_cell(32, 1, 0.40, 0.38), _cell(32, 2, 0.30, 0.25, 0.27, 0.22))),
    ),
)


def _milliseconds(key: str) -> float:
    """Half a millisecond a layer, more for a larger kernel and for a wider input."""
    return 0.5 + 0.3 * ("kernel_size=5" in key) + 0.2 * ("24x" in key or "->24" in key)


TABLE = LatencyTable(
    provenance=_MADE_UP,
    space=SPACE.name,
    space_digest=SPACE.digest,
    head=head_of(SPACE),
    target=Target(name="example"),
    fingerprint=Fingerprint(processor="none", logical_processors=1, system="none", runtime_version="none"),
    statistic="p25",
    rows=tuple(
        LatencyRow(layer=layer.key, latency_s=_milliseconds(layer.key) / 1e3, standard_error_s=1e-6, samples=60)
        for layer in SPACE.rows()
    ),
    absent=(),
    calibrations=(Calibration(quantile="p50", scale=1.0, offset_s=1e-4, networks=8, relative_error=0.01),),
    grade="A",
    doubts=(),
    runs=(),
)
