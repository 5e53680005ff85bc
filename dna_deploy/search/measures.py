"""What one layer adds to a network's numbers: its row in a latency table, its parameters, its activations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.placed import PlacedLayer


@dataclass(frozen=True)
class LatencyRows:
    """Seconds of a table's rows, each raised by ``deviations`` of its standard errors."""

    target: str
    deviations: float
    table: LatencyTable = field(compare=False, repr=False)
    is_maximum = False
    is_whole = False

    def of_layer(self, layer: PlacedLayer) -> float:
        return self.of_key(layer.key)

    def of_key(self, key: str) -> float:
        """The row of a layer's key."""
        return self._rows.get(key, math.inf)

    @cached_property
    def _rows(self) -> Mapping[str, float]:
        return {row.layer: row.latency_s + self.deviations * row.standard_error_s for row in self.table.rows}


@dataclass(frozen=True)
class LayerCount:
    """A whole number that every layer knows about itself, such as ``macs``."""

    attribute: str
    is_maximum: bool = False
    is_whole = True

    def of_layer(self, layer: PlacedLayer) -> float:
        return float(getattr(layer, self.attribute))


Measure = LatencyRows | LayerCount
"""A number of every layer. Over a network it is a sum or, where ``is_maximum``, the largest; one that ``is_whole`` counts
things and so has no rounding.
"""

RATING = "rating"
"""In the place of a measure: what is told of whole candidates or networks, and of no layer."""

PARAMETERS = LayerCount("parameters")
DEPLOYED_PARAMETERS = LayerCount("deployed_parameters")
MACS = LayerCount("macs")
PEAK_ACTIVATIONS = LayerCount("peak_activation_elements", is_maximum=True)
