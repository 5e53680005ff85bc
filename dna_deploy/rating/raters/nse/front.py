"""What a round of evolution keeps: the front of judged networks, what they are made of, and fresh operations beside it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from dna_deploy.errors import InfeasibleError
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.raters.nse.subsets import Live, Subsets
from dna_deploy.records.changed_space import FrontNetwork

Codes: TypeAlias = tuple[tuple[str, ...], ...]
"""Operations of every layer."""
TRIES = 50
"""Draws for every network that is judged, since most are slower than the budget or faster than half of it."""


def networks_within(live: Live, among: Subsets, budget_s: float, count: int, rng: random.Random) -> list[Subsets]:
    """Networks made of some operations that keep a budget, different ones; most of them need more than half of it.

    Raises:
        InfeasibleError: none keeps it.
    """
    cheapest: Subsets = tuple(
        () if may_be_empty else (min(numbers, key=seconds.__getitem__),)
        for numbers, seconds, may_be_empty in zip(among, live.seconds, live.keeps_shape, strict=True)
    )
    if live.latency_s(cheapest) > budget_s:
        raise InfeasibleError(
            f"no network of these operations takes {1e3 * budget_s:.3g} ms or less",
            f"the fastest takes {1e3 * live.latency_s(cheapest):.3g} ms",
        )
    drawn = {cheapest: None}
    for _ in range(TRIES * count):
        network = live.draw(rng, rng.uniform(0.1, 0.7), among)
        is_below = live.latency_s(network) < budget_s / 2
        if live.latency_s(network) <= budget_s and (not is_below or rng.random() < 1 / 20):
            drawn[network] = None
        if len(drawn) == count:
            break
    return list(drawn)


def front_of(
    live: Live, codes: Codes, networks: Iterable[Subsets], judge: Callable[[Subsets], float], tell: OnProgress
) -> tuple[FrontNetwork, ...]:
    """The networks that none of the others beats in latency and accuracy, fastest first."""
    distinct, judged = list(dict.fromkeys(networks)), []
    for number, subsets in enumerate(distinct, 1):
        judged.append((live.latency_s(subsets), -judge(subsets), subsets))
        tell(Progress("networks of the round", number, len(distinct), f"accuracy {-judged[-1][1]:.1%}"))
    front, best = [], 1.0
    for latency_s, cost, subsets in sorted(judged):
        if cost < best:
            best = cost
            names = (tuple(names[number] for number in chosen) for names, chosen in zip(codes, subsets, strict=True))
            front.append(FrontNetwork(layers=tuple(names), latency_s=latency_s, accuracy=-cost))
    return tuple(front)


def succession(front: Sequence[FrontNetwork], live: Codes, waiting: Codes, most: int) -> tuple[Codes, Codes]:
    """What the next round trains, and what waits then: all that the front holds, and at least one fresh operation a layer.

    Where the front holds nothing of a layer, what stood first there stays, so that none is emptied.
    """
    following, left = [], []
    for number, (codes, rest) in enumerate(zip(live, waiting, strict=True)):
        held = {code for network in front for code in network.layers[number]}
        kept = tuple(code for code in codes if code in held) or (() if rest else tuple(codes[:1]))
        fresh = rest[: max(1, most - len(kept))]
        following.append((*kept, *fresh))
        left.append(tuple(rest[len(fresh) :]))
    return tuple(following), tuple(left)
