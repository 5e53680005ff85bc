"""The space of a model on smaller images: the same candidates, ratings and order of units, at other times."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import nn

from dna_deploy.errors import DnaDeployError, InfeasibleError, UsageError
from dna_deploy.fit.candidates import KEEP, Missing
from dna_deploy.fit.judging import Judge
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.space import FitSpace
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.pipeline.fit.wholes import Wholes
from dna_deploy.units import Duration

_EIGHTHS = (7, 6, 5, 4)
"""Of the edges."""

_NOT_TAKEN = (RuntimeError, AssertionError, ValueError, IndexError, TypeError)
"""What networks raise that do not take images of a size."""


def smaller_sizes(prepared: Prepared, stopwatch: Stopwatch, budget_s: float) -> Iterator[Prepared]:
    """The space at smaller and smaller sizes, down to the first at which the original itself keeps the budget.

    Args:
        prepared: At the size of the original.
        stopwatch: Tells what the original takes on smaller images; a size that cannot be timed is left out, with a remark.
        budget_s: What a network may take.
    """
    network, whole = prepared.space.network.network, prepared.space.input
    for eighths in _EIGHTHS:
        input = replace(whole, height=round(whole.height * eighths / 8), width=round(whole.width * eighths / 8))
        try:
            with torch.no_grad():
                network(torch.zeros(1, *input.sizes))
        except _NOT_TAKEN:
            continue
        try:
            original_s = stopwatch.time(network, input)
        except (DnaDeployError, *_NOT_TAKEN) as error:
            _remark(prepared, f"images of {input} are left out: the model on them cannot be timed: {error}")
            continue
        yield _at(prepared, (input.height, input.width), original_s)
        if original_s <= budget_s:
            return


def _remark(prepared: Prepared, words: str) -> None:
    if words not in prepared.remarks:
        prepared.remarks.append(words)


def largest_within(prepared: Prepared, stopwatch: Stopwatch, budget_s: float) -> Prepared:
    """The space at the largest size at which the original itself keeps the budget.

    Raises:
        InfeasibleError: none is small enough.
        UsageError: the model takes no smaller images.
    """
    smallest = None
    for smallest in smaller_sizes(prepared, stopwatch, budget_s):  # noqa: B007
        continue
    if smallest is None:
        raise UsageError(f"the model does not take smaller images than {prepared.space.input}")
    if smallest.space.original_s > budget_s:
        raise InfeasibleError(f"at {smallest.space.input} it takes {Duration(smallest.space.original_s)}")
    return smallest


def _at(prepared: Prepared, size: tuple[int, int], original_s: float) -> Prepared:
    """Times are scaled by what that size saves the original; what was measured of a network corrects them."""
    space, file = prepared.space, prepared.wholes.file
    input = replace(space.input, height=size[0], width=size[1])
    measured = replace(space.measured, pace=original_s / space.original_s, original_s=original_s)
    wholes = Wholes(prepared.judge.at(size), file and file.with_name(f"{file.stem}-{size[0]}x{size[1]}.json"))
    smaller = _without_misfits(replace(space, input=input, measured=measured), wholes.judge.batches[0][:1])
    return replace(prepared, space=smaller, wholes=wholes)


@torch.no_grad()
def _without_misfits(space: FitSpace, image: torch.Tensor) -> FitSpace:
    """The space without candidates that emit maps of another size than the unit does, or none, where maps are this small."""
    judge, candidates, rated = Judge(space.network, [image]), dict(space.candidates), dict(space.ratings.rated)
    for path, listed in candidates.items():
        (x,) = judge.inputs(path)
        shape = space.network.module(path)(x.clone()).shape
        misfits = {each.code for each in listed.there if each.code != KEEP and _shape_of(each.module, x) != shape}
        there = tuple(each for each in listed.there if each.code not in misfits)
        missing = tuple(Missing(code, f"it does not fit maps of {image.shape[2]}x{image.shape[3]} images") for code in misfits)
        candidates[path] = replace(listed, there=there, missing=(*listed.missing, *missing))
        rated[path] = {code: rating for code, rating in rated[path].items() if code not in misfits}
    return replace(space, candidates=candidates, ratings=replace(space.ratings, rated=rated))


def _shape_of(module: nn.Module, x: torch.Tensor) -> torch.Size | None:
    try:
        output: torch.Tensor = module(x.clone())
    except _NOT_TAKEN:
        return None
    return output.shape
