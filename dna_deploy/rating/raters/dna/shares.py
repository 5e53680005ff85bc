"""How blocks are divided over workers, and what that takes: nothing here is trained, so that a plan needs no torch."""

from __future__ import annotations

from collections.abc import Sequence

from dna_deploy.spaces.chain import ChainSpace

TEACHER_SHARE = 0.17
"""Of the time of a rating: mbconv on one thread (`benchmarks/results/cost_mbconv.txt`)."""


def block_costs(space: ChainSpace, *, share_depths: bool) -> list[float]:
    """What each block costs relative to others: operations of an average path of each of its cells."""
    return [_cost(space, index, share_depths=share_depths) for index in space.block_numbers]


def _cost(space: ChainSpace, index: int, *, share_depths: bool) -> float:
    chain, total = space.index, 0.0
    for trunk in chain.trunks(index, share_depths=share_depths):
        for layers in chain.place_trunk(index, trunk, chain.inputs[index][-1]):
            total += sum(layer.macs + 40 * layer.peak_activation_elements for layer in layers) / len(layers)
    return total


def divided(costs: Sequence[float], workers: int) -> list[list[int]]:
    """Tasks divided over workers, by their numbers: the costliest first to whoever has least; none is without a task."""
    shares: list[list[int]] = [[] for _ in range(min(workers, len(costs)))]
    for number in sorted(range(len(costs)), key=costs.__getitem__, reverse=True):
        min(shares, key=lambda share: sum(costs[task] for task in share)).append(number)
    return [sorted(share) for share in shares if share]


def best_division(costs: Sequence[float], sets: int, workers: int) -> list[list[int]]:
    """The blocks of each of some sets of supernets, divided into as many tasks as end soonest on so many workers.

    Every task runs the teacher for itself, so that fewer, larger ones are better where there are sets enough.
    """
    most = max(1, min(workers, len(costs)))
    return min(
        (divided(costs, parts) for parts in range(1, most + 1)),
        key=lambda shares: makespan(_tasks(costs, shares) * sets, workers),
    )


def makespan(tasks: Sequence[float], workers: int) -> float:
    """When the last of some tasks ends."""
    return max(sum(tasks[task] for task in share) for share in divided(tasks, workers))


def spread_gain(costs: Sequence[float], sets: int, workers: int) -> float:
    """How many times faster so many workers rate some sets than one does."""
    alone = sets * makespan(_tasks(costs, divided(costs, 1)), 1)
    return alone / makespan(_tasks(costs, best_division(costs, sets, workers)) * sets, workers)


def _tasks(costs: Sequence[float], shares: Sequence[Sequence[int]]) -> list[float]:
    teacher = TEACHER_SHARE / (1 - TEACHER_SHARE) * sum(costs)
    return [teacher + sum(costs[block] for block in share) for share in shares]
