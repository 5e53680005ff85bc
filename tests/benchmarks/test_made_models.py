"""What benchmarks measure and search: networks joined from a kit's layers, tables that look like real ones, a deep block."""

from __future__ import annotations

import pytest
import torch

from benchmarks.latency.fidelity import parts_of
from benchmarks.rating.speed import deep_block, memory
from benchmarks.search.instances import latency_table, long_space, rating_table
from dna_deploy.export.formats.graph_parts import GraphParts
from dna_deploy.export.kits.kit import KitPlan, make_kit
from dna_deploy.search import Constraint, Latency, search
from tests.spaces.chains import TOY as SPACE


@pytest.mark.slow
def test_a_network_joined_from_the_layers_of_a_kit_is_the_very_graph_in_it() -> None:
    kit = make_kit(SPACE, KitPlan(calibration_networks=1, validation_networks=2))
    parts = {probe.key: parts_of(kit.graphs[probe.file]) for probe in kit.probes("layer")}
    networks = kit.probes("calibration", "validation")
    assert len(networks) == 3
    for probe in networks:
        architecture = SPACE.parse(probe.key)
        joined = GraphParts.joined([parts[layer.key] for layer in SPACE.place(architecture)], SPACE.wires(architecture))
        assert joined.as_model() == kit.graphs[probe.file]


def test_made_up_tables_are_of_their_space_and_can_be_searched() -> None:
    space = long_space(4, 16)
    ratings, table = rating_table(space, 0), latency_table(space, 0)
    fastest = search(space, ratings, [table], objective=Latency()).best
    within = search(space, ratings, [table], [Constraint(Latency(), at_most=2 * fastest.targets[0].latency_s)]).best
    assert fastest.rating > within.rating
    assert within.targets[0].latency_s <= 2 * fastest.targets[0].latency_s


def test_a_walk_over_the_deep_block_holds_a_feature_map_a_layer() -> None:
    space, teacher = deep_block()
    assert teacher.features(torch.zeros(1, *space.input.sizes))[0].shape[1:] == (32, 14, 14)
    assert memory() == {"candidates": 1296, "layers": 4, "feature_maps_alive": 4}
