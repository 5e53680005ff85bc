"""What somebody would do without a search: networks for the same budget, out of the same candidates."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.errors import InfeasibleError
from dna_deploy.fit.candidates import KEEP, SKIP
from dna_deploy.fit.depth import rate_skipped
from dna_deploy.fit.judging import Judge
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.recovery import settled
from dna_deploy.pipeline.fit.space import Choice, OwnSpace

_TRIED = 3
"""Units tried for the next to be dropped: those that hurt least alone."""


def uniform_width(space: OwnSpace, budget_s: float, skipped: frozenset[str] = frozenset()) -> Choice:
    """Every unit narrowed alike, repaired as candidates are; the last ones less, where that fills the budget.

    Args:
        space: The candidates and their times.
        budget_s: What the network may take.
        skipped: Units that are left out besides.

    Raises:
        InfeasibleError: the narrowest takes longer.
    """
    widths = {
        path: [KEEP, *(each.code for each in candidates.there if each.code.startswith("width") and "." not in each.code)]
        for path, candidates in space.candidates.items()
    }
    choice = {path: SKIP if path in skipped else codes[-1] for path, codes in widths.items()}
    _check(space, choice, budget_s, "narrowing every unit alike")
    for level in range(max(map(len, widths.values())) - 1, -1, -1):
        for path in reversed(widths):
            if path in skipped or level >= len(widths[path]):
                continue
            wider = {**choice, path: widths[path][level]}
            if space.predicted_s(wider) <= budget_s:
                choice = wider
    return choice


def greedy_drop(space: OwnSpace, judge: Judge, fitting: list[torch.Tensor], budget_s: float) -> Choice:
    """Whole units left out, each time the one whose loss hurts the answers least, judged jointly.

    Raises:
        InfeasibleError: not even all of them are enough.
    """
    choice = dict.fromkeys(space.candidates, KEEP)
    alone = {path: rated[SKIP].divergence.value for path, rated in space.rated.items() if SKIP in rated}
    _check(space, {**choice, **dict.fromkeys(alone, SKIP)}, budget_s, "leaving out whole units")
    while space.predicted_s(choice) > budget_s:
        left = sorted((path for path in alone if choice[path] != SKIP), key=lambda path: alone[path])[:_TRIED]
        dropped = [path for path in choice if choice[path] == SKIP]
        hurt = {path: rate_skipped(judge, (*dropped, path), partial(settled, batches=fitting)).value for path in left}
        choice[min(hurt, key=lambda path: hurt[path])] = SKIP
    return choice


def hybrid(space: OwnSpace, budget_s: float) -> Choice:
    """Every unit left out that may be, and the others narrowed alike as little as the budget allows."""
    return uniform_width(space, budget_s, frozenset(path for path, rated in space.rated.items() if SKIP in rated))


def random_feasible(space: OwnSpace, budget_s: float, seed: int) -> Choice:
    """The best network by ratings drawn at random: one at the budget, chosen blindly."""
    rng = random.Random(seed)
    ratings = {path: {code: rng.random() for code in rated} for path, rated in space.rated.items()}
    return space.best(budget_s, ratings=ratings, with_depths=False)[0][0]


class AtSize(nn.Module):
    """A network on smaller copies of the images."""

    def __init__(self, network: nn.Module, size: tuple[int, int]) -> None:
        super().__init__()
        self.network, self.size = network, size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = F.interpolate(x, self.size, mode="bilinear", antialias=True)
        scores: torch.Tensor = self.network(small.contiguous(memory_format=torch.channels_last))
        return scores


def _check(space: OwnSpace, choice: Mapping[str, str], budget_s: float, what: str) -> None:
    if space.predicted_s(choice) > budget_s:
        raise InfeasibleError(
            f"{what} takes {space.predicted_s(choice) * 1e3:.2f} ms at least, more than {budget_s * 1e3:.2f} ms"
        )


BASELINES: Mapping[str, Callable[[Prepared, float, int], Choice]] = {
    "uniform width": lambda made, budget_s, _seed: uniform_width(made.space, budget_s),
    "greedy drop": lambda made, budget_s, _seed: greedy_drop(made.space, made.judge, made.fitting, budget_s),
    "all skips, uniform width": lambda made, budget_s, _seed: hybrid(made.space, budget_s),
    "random feasible": lambda made, budget_s, seed: random_feasible(made.space, budget_s, seed),
}
"""Name -> choice within a budget, by a seed."""
