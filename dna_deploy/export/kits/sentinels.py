"""A kit of a few layers of a latency table: what tells at which pace a machine goes, beside any model."""

from __future__ import annotations

from dna_deploy.export.kits.kit import kit_of_layers
from dna_deploy.records.pace import PaceReference
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.target import Precision


def sentinel_kit(space: SearchSpace, reference: PaceReference, batch: int, precision: Precision) -> ProbeKit:
    """The sentinels of a table as models to run, as its own kit had them."""
    layers = [PlacedLayer.parse(sentinel.layer) for sentinel in reference.sentinels]
    return kit_of_layers(space, layers, batch=batch, precision=precision)
