"""What somebody would do without a search: networks for the same budget, out of the same candidates."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from functools import partial

from dna_deploy.errors import InfeasibleError
from dna_deploy.fit.candidates import KEEP, SKIP
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.space import Choice, FitSpace

_TRIED = 3
"""Units tried for the next to be dropped: those that hurt least alone."""


def uniform_width(space: FitSpace, budget_s: float, skipped: frozenset[str] = frozenset()) -> Choice:
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


def greedy_drop(prepared: Prepared, budget_s: float) -> Choice:
    """Whole units left out, each time the one whose loss hurts the answers least, judged jointly.

    Raises:
        InfeasibleError: not even all of them are enough.
    """
    space = prepared.space
    _check(space, {**space.kept, **dict.fromkeys(space.ratings.skippable, SKIP)}, budget_s, "leaving out whole units")
    choice, number = dict(space.kept), 0
    while space.predicted_s(choice) > budget_s:
        if number == len(prepared.dropped):
            prepared.dropped.append(_next_to_drop(prepared))
        choice[prepared.dropped[number]] = SKIP
        number += 1
    return choice


def drop_and_search(prepared: Prepared, budget_s: float, share: float) -> Choice:
    """A share of the units that `greedy_drop` leaves out; of the others, no more are, and the best candidates by their ratings.

    Raises:
        InfeasibleError: they do not get fast enough.
    """
    space = prepared.space
    count = round(share * sum(code == SKIP for code in greedy_drop(prepared, budget_s).values()))
    dropped, divergences = set(prepared.dropped[:count]), space.ratings.divergences
    ratings = {
        path: {
            code: 0.0 if path in dropped else rating for code, rating in rated.items() if (code == SKIP) == (path in dropped)
        }
        for path, rated in divergences.items()
    }
    return space.best(budget_s, ratings=ratings, with_depths=False)[0][0]


def _next_to_drop(prepared: Prepared) -> str:
    """Behind those that are dropped already."""
    rated = prepared.space.ratings.rated
    left = [path for path in prepared.space.ratings.skippable if path not in prepared.dropped]
    least = sorted(left, key=lambda path: rated[path][SKIP].divergence.value)[:_TRIED]
    hurt = {path: prepared.divergence(dict.fromkeys((*prepared.dropped, path), SKIP)).value for path in least}
    return min(hurt, key=hurt.__getitem__)


def hybrid(space: FitSpace, budget_s: float) -> Choice:
    """Every unit left out that may be, and the others narrowed alike as little as the budget allows."""
    return uniform_width(space, budget_s, frozenset(space.ratings.skippable))


def untouched(space: FitSpace, budget_s: float) -> Choice:
    """Nothing changed, where that is fast enough: on smaller images."""
    _check(space, space.kept, budget_s, "the model as it is")
    return space.kept


def random_feasible(space: FitSpace, budget_s: float, seed: int) -> Choice:
    """The best network by ratings drawn at random: one at the budget, chosen blindly."""
    rng = random.Random(seed)
    ratings = {path: {code: rng.random() for code in rated} for path, rated in space.ratings.rated.items()}
    return space.best(budget_s, ratings=ratings, with_depths=False)[0][0]


def _check(space: FitSpace, choice: Mapping[str, str], budget_s: float, what: str) -> None:
    if space.predicted_s(choice) > budget_s:
        raise InfeasibleError(
            f"{what} takes {space.predicted_s(choice) * 1e3:.2f} ms at least, more than {budget_s * 1e3:.2f} ms"
        )


Propose = Callable[[Prepared, float], Choice]
"""What was prepared, and seconds -> a network within them."""


def _seedless(propose: Propose) -> Callable[[Prepared, float, int], Choice]:
    return lambda prepared, budget_s, _seed: propose(prepared, budget_s)


PROPOSALS: Mapping[str, Propose] = {
    "uniform width": lambda prepared, budget_s: uniform_width(prepared.space, budget_s),
    "greedy drop": greedy_drop,
    "all skips, uniform width": lambda prepared, budget_s: hybrid(prepared.space, budget_s),
}
"""What needs no search, and is judged beside what search finds."""

BETWEEN: Mapping[str, Propose] = {
    f"greedy drop by {share:.0%}, then search": partial(drop_and_search, share=share) for share in (0.25, 0.5, 0.75)
}
"""Sums of ratings know little of units that are left out together: depths that were judged jointly, and widths by ratings."""

LOWER_RESOLUTION = "lower resolution"

ON_SMALLER_IMAGES: Mapping[str, Propose] = {
    LOWER_RESOLUTION: lambda prepared, budget_s: untouched(prepared.space, budget_s),
    "greedy drop": greedy_drop,
    "greedy drop by 50%, then search": partial(drop_and_search, share=0.5),
}
"""What is judged beside the search where images are smaller."""

BASELINES: Mapping[str, Callable[[Prepared, float, int], Choice]] = {
    **{name: _seedless(propose) for name, propose in PROPOSALS.items()},
    "random feasible": lambda prepared, budget_s, seed: random_feasible(prepared.space, budget_s, seed),
}
"""The same, and what is chosen blindly, by a seed."""
