"""``dna-deploy rate --method one-shot``: the baseline, a supernet of the whole space trained with labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.rate_methods import parse_config
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.errors import UsageError

if TYPE_CHECKING:
    from dna_deploy.data.splits import ImageData
    from dna_deploy.learning.compute import Compute
    from dna_deploy.rating.raters.one_shot.rating import OneShotRating
    from dna_deploy.spaces.architecture import Architecture
    from dna_deploy.spaces.space import HeadedSpace

SHOWN = 8
"""Networks drawn at random that are rated at once, to show what the supernet knows."""


def rate_with_one_shot(
    space: HeadedSpace, data: ImageData, asked: Mapping[str, object], folder: Path, compute: Compute, *, json: bool
) -> None:
    """Trains the supernet in a folder of its own below ``folder`` and prints how it rates a few networks."""
    from dataclasses import replace

    from dna_deploy.rating.raters.one_shot.rating import rate_one_shot
    from dna_deploy.rating.raters.one_shot.training import OneShotConfig, one_shot_work

    if compute.jobs > 1:
        raise UsageError("--method one-shot trains one supernet, in one process", "leave out --jobs")
    work = one_shot_work(space, data, parse_config(OneShotConfig, **asked), folder, compute)
    place = folder / f"one-shot-{work.short_name}"
    rng = random.Random(work.config.seed)
    with journey_view() as view:
        ratings = rate_one_shot(replace(work, folder=place), [space.sample(rng) for _ in range(SHOWN)], on_progress=view)
    if json:
        print_json("rate", method=work.method, folder=str(place), networks=[_as_json(rating) for rating in ratings])
    else:
        print_result(_table(ratings))
    note(f"the supernet is in {place}")
    note(f"next: dna-deploy search with {place} --space {space.name} --latency 20ms")


def open_one_shot(folder: Path, space: HeadedSpace) -> Callable[[Architecture], float]:
    """What the supernet in a folder says of a network of ``space``: its share of wrong answers.

    Raises:
        TableError: there is no such supernet, or it is of another space.
    """
    from dna_deploy.errors import TableError
    from dna_deploy.rating.raters.one_shot.rating import OneShotRater
    from dna_deploy.rating.raters.one_shot.training import METHOD, OneShotConfig
    from dna_deploy.rating.teacherless import open_teacherless

    work = open_teacherless(folder, METHOD, OneShotConfig)
    if work.space.with_classes(space.classes) != space:
        raise TableError(f"the supernet in {folder} is of space {work.space.name!r}, not {space.name!r}")
    with journey_view() as view:
        return OneShotRater.open(work, view)


def _table(ratings: Sequence[OneShotRating]) -> str:
    rows = [
        (rating.architecture, f"{rating.accuracy:.1%} ± {rating.accuracy_error:.1%}", f"{rating.loss:.3f}")
        for rating in sorted(ratings, key=lambda rating: -rating.accuracy)
    ]
    return aligned(rows, ("network, drawn at random", "accuracy with shared weights", "cross entropy"))


def _as_json(rating: OneShotRating) -> dict[str, object]:
    return {
        "architecture": str(rating.architecture),
        "accuracy": rating.accuracy,
        "accuracy_standard_error": rating.accuracy_error,
        "cross_entropy": rating.loss,
        "cross_entropy_standard_error": rating.loss_error,
    }
