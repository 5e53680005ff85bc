"""The predicted latency of a network, taken apart: every layer's calibrated share, and the overhead that no layer explains."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.records.latency_table import Calibration, LatencyTable
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.placed import PlacedLayer

OVERHEAD = "overhead"


@dataclass(frozen=True)
class Share:
    """What one part of a network takes: a layer, or the overhead that no layer explains."""

    part: str
    layer: PlacedLayer | None
    seconds: float
    standard_error_s: float


def shares_of(space: HeadedSpace, table: LatencyTable, network: Architecture, calibration: Calibration) -> tuple[Share, ...]:
    """Every layer's calibrated share and the overhead; together they are what the table predicts.

    Raises:
        TableError: a layer of the network has no row.
    """
    errors = {row.layer: row.standard_error_s for row in table.rows}
    sections = space.sections(network)
    layers = zip(sections.names, sections.layers, strict=True)
    return (
        Share(OVERHEAD, None, calibration.offset_s, 0.0),
        *(
            Share(part, layer, calibration.scale * table.row(layer.key), calibration.scale * errors[layer.key])
            for part, layer in layers
        ),
    )
