"""On large spaces, with coupled widths, the search equals HiGHS (through SciPy) solving the same integer programme."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.search import Constraint, Latency, Macs, search
from dna_deploy.spaces.block import BlockChoice, Cell
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap
from tests.search.instances import Instance, random_ratings, random_table

TABLES = Path(__file__).parents[2] / "latency_tables"


def solved_by_highs(instance: Instance, budgets: dict[Latency | Macs, float]) -> float | None:
    """A path through (block, input width, candidate) edges: flow is conserved at every width."""
    edges = [edge for index in range(len(instance.space.blocks)) for edge in block_edges(instance.space, index)]
    last = len(instance.space.blocks)
    edges += [(last, input.channels, None, None) for input in instance.space.index.inputs[last]]
    ratings = np.array([rating_of(instance, block, choice) for block, _, choice, _ in edges])
    rows = {quantity: edge_costs(instance, edges, quantity) for quantity in budgets}
    nodes = {node: number for number, node in enumerate(sorted({(block, width) for block, width, _, _ in edges}))}
    flow = np.zeros((len(nodes), len(edges)))
    for number, (block, width, choice, _) in enumerate(edges):
        flow[nodes[block, width], number] += 1
        if choice is not None:
            flow[nodes[block + 1, choice.width], number] -= 1
    start = np.zeros(len(nodes))
    start[nodes[min(nodes)]] = 1
    constraints = [LinearConstraint(csr_array(flow), start, start)]
    for quantity, budget in budgets.items():
        fixed, costs = rows[quantity]
        constraints.append(LinearConstraint(costs / budget, -np.inf, 1 - fixed / budget))
    found = milp(ratings, integrality=1, bounds=(0, 1), constraints=constraints, options={"mip_rel_gap": 0})
    return None if found.x is None else float(found.fun)


def block_edges(space: ChainSpace, index: int) -> list[tuple]:  # type: ignore[type-arg]
    block = space.blocks[index]
    pairs = itertools.product(space.index.inputs[index], block.candidates())
    edges = [(index, input.channels, choice, input) for input, choice in pairs if choice.entry in (0, input.channels)]
    return [edge for edge in edges if not (space.is_tied and index) or edge[1] == edge[2].width]


def rating_of(instance: Instance, block: int, choice: BlockChoice | None) -> float:
    return 0.0 if choice is None else instance.ratings.of_choice(instance.space, block, choice)


def edge_costs(instance: Instance, edges: list, quantity: Latency | Macs) -> tuple[float, np.ndarray]:  # type: ignore[type-arg]
    """What every network has, and what each edge adds."""
    table = instance.tables[0]
    calibration = table.calibration("p50")

    def cost(layers: tuple) -> float:  # type: ignore[type-arg]
        if isinstance(quantity, Macs):
            return float(sum(layer.macs for layer in layers))
        return calibration.scale * sum(table.row(layer.key) for layer in layers)

    space = instance.space
    heads = {input.channels: cost(space.head_layers(input)) for input in space.index.inputs[-1]}
    costs = [
        heads[width] if choice is None else cost(space.index.place(block, choice, input))
        for block, width, choice, input in edges
    ]
    return cost(space.stem_layers) + (0 if isinstance(quantity, Macs) else calibration.offset_s), np.array(costs)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fashion_optimum_equals_highs_under_two_constraints(seed: int) -> None:
    space = find_chain("fashion").with_head()
    rng = random.Random(seed)
    instance = Instance(space, random_ratings(space, rng), (random_table(space, rng, "device-0"),))
    front = search(space, instance.ratings, instance.tables).front.points
    latency = front[0].costs[0] + rng.uniform(0.2, 0.6) * (front[-1].costs[0] - front[0].costs[0])
    alone = search(space, instance.ratings, instance.tables, [Constraint(Latency("device-0"), at_most=latency)])
    macs = 0.95 * alone.best.macs
    budgets: dict[Latency | Macs, float] = {Latency("device-0"): latency, Macs(): macs}
    outcome = search(
        space, instance.ratings, instance.tables, [Constraint(key, at_most=value) for key, value in budgets.items()]
    )
    assert outcome.best.rating == pytest.approx(solved_by_highs(instance, budgets), rel=1e-7)
    assert outcome.proof.gap == 0


@dataclass(frozen=True)
class Edge:
    """A candidate behind one input width: nodes are (block, width)."""

    start: tuple[int, int]
    end: tuple[int, int] | None
    latency_s: float
    rating: float


def edges_of(space: ChainSpace, table: LatencyTable, ratings: RatingTable) -> Iterator[Edge]:
    """Every candidate behind every width, and the heads."""
    for index, block in enumerate(space.blocks):
        for input in space.index.inputs[index]:
            for cell, rated in zip(block.cells, ratings.blocks[index].cells, strict=True):
                latencies = itertools.product(*(map(table.row, keys) for keys in cell_keys(cell, input, block.stride)))
                for latency, rating in zip(map(math.fsum, latencies), rated.ratings, strict=True):
                    yield Edge((index, input.channels), (index + 1, cell.width), latency, rating)
    for input in space.index.inputs[-1]:
        head = math.fsum(table.row(layer.key) for layer in space.head_layers(input))
        yield Edge((len(space.blocks), input.channels), None, head, 0.0)


def cell_keys(cell: Cell, input: FeatureMap, stride: int) -> Iterator[list[str]]:
    """The keys of each layer's operations; all of them emit the same shape."""
    for operations in cell.layers:
        layers = [PlacedLayer(operation, input, cell.width, stride) for operation in operations]
        yield [layer.key for layer in layers]
        input, stride = layers[0].output, 1


def without_dearer_and_worse(edges: Iterable[Edge]) -> list[Edge]:
    """Of edges between the same nodes, those that rate better than every cheaper one: HiGHS takes minutes with the others."""
    kept: dict[tuple[object, object], Edge] = {}
    useful = []
    for edge in sorted(edges, key=lambda edge: (edge.latency_s, edge.rating)):
        ends = (edge.start, edge.end)
        if ends not in kept or edge.rating < kept[ends].rating:
            kept[ends] = edge
            useful.append(edge)
    return useful


@pytest.mark.slow
@pytest.mark.parametrize(("seed", "share"), [(1, 0.1), (2, 0.3), (3, 0.5), (4, 0.8)])
def test_mbconv_optimum_equals_highs_on_the_committed_table(seed: int, share: float) -> None:
    space, table = find_chain("mbconv").with_head(), LatencyTable.read(TABLES / "mbconv.cpu-1thread.json")
    ratings = random_ratings(space, random.Random(seed))
    front = search(space, ratings, [table]).front.points
    budget = front[0].costs[0] + share * (front[-1].costs[0] - front[0].costs[0])
    outcome = search(space, ratings, [table], [Constraint(Latency(), at_most=budget)])
    calibration = table.calibration("p50")
    stem = math.fsum(table.row(layer.key) for layer in space.stem_layers)
    rows_s = (budget - calibration.offset_s) / calibration.scale - stem
    edges = without_dearer_and_worse(edges_of(space, table, ratings))
    assert shortest_path_by_highs(edges, rows_s) == pytest.approx(outcome.best.rating, rel=1e-7)


def shortest_path_by_highs(edges: list[Edge], most_s: float) -> float:
    """The least rating of a path from the stem through a head that takes at most so long."""
    nodes = {node: number for number, node in enumerate(sorted({edge.start for edge in edges}))}
    flow = np.zeros((len(nodes), len(edges)))
    for number, edge in enumerate(edges):
        flow[nodes[edge.start], number] += 1
        if edge.end is not None:
            flow[nodes[edge.end], number] -= 1
    one = np.eye(len(nodes))[nodes[min(nodes)]]
    latencies = np.array([edge.latency_s for edge in edges])
    constraints = [LinearConstraint(csr_array(flow), one, one), LinearConstraint(latencies / most_s, -np.inf, 1)]
    ratings = np.array([edge.rating for edge in edges])
    found = milp(ratings, integrality=1, bounds=(0, 1), constraints=constraints, options={"mip_rel_gap": 0})
    assert found.x is not None
    return float(found.fun)
