"""On large spaces, with coupled widths, the search equals HiGHS (through SciPy) solving the same integer programme."""

from __future__ import annotations

import random

import numpy as np
import pytest
from scipy.optimize import LinearConstraint, milp
from scipy.sparse import csr_array

from dna_deploy.search import Constraint, Latency, Macs, search
from dna_deploy.spaces.architecture import BlockChoice
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.space import SearchSpace
from tests.search.instances import Instance, random_ratings, random_table


def solved_by_highs(instance: Instance, budgets: dict[Latency | Macs, float]) -> float | None:
    """A path through (block, input width, candidate) edges: flow is conserved at every width."""
    edges = [edge for index in range(len(instance.space.blocks)) for edge in block_edges(instance.space, index)]
    last = len(instance.space.blocks)
    edges += [(last, input.channels, None, None) for input in instance.space.block_inputs(last)]
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


def block_edges(space: SearchSpace, index: int) -> list[tuple]:  # type: ignore[type-arg]
    block = space.blocks[index]
    return [(index, input.channels, choice, input) for input in space.block_inputs(index) for choice in block.candidates()]


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
    heads = {input.channels: cost(space.head_layers(input)) for input in space.block_inputs(len(space.blocks))}
    costs = [
        heads[width] if choice is None else cost(space.place_choice(block, choice, input))
        for block, width, choice, input in edges
    ]
    return cost(space.stem_layers) + (0 if isinstance(quantity, Macs) else calibration.offset_s), np.array(costs)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_fashion_optimum_equals_highs_under_two_constraints(seed: int) -> None:
    space = find_space("fashion")
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
