"""The space of a model on smaller images: the same candidates, ratings and order of units, at other times."""

from __future__ import annotations

import math
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
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.units import Duration

_STEPS = 10
"""Edges shrink in steps of a power of two, the largest of which there are so many, to no less than half: strides divide them.

MobileNetV2, of 160 pixels, untouched: the same answers for 80 % of 500 photographs at 140 pixels, 73 at 120, and 63 at 130.
"""

_NOT_TAKEN = (RuntimeError, AssertionError, ValueError, IndexError, TypeError)
"""What networks raise that do not take images of a size."""


def smaller_sizes(prepared: Prepared, stopwatch: Stopwatch, budget_s: float) -> Iterator[Prepared]:
    """The space at the largest size at which the original itself keeps the budget, or at half the edges, and at two above it.

    Args:
        prepared: At the size of the original.
        stopwatch: Tells what the original takes on smaller images; a size that cannot be timed is left out, with a remark.
        budget_s: What a network may take.
    """
    sizes = Sizes(prepared, stopwatch)
    smallest = sizes.largest_within(budget_s)
    above = [part for part in sizes.parts if smallest is not None and part > smallest]
    between = {above[len(above) // 3], above[2 * len(above) // 3]} if above else set()
    for part in (*sorted(between, reverse=True), smallest):
        if part is not None and (seconds := sizes.seconds(part)) is not None:
            yield _at(prepared, sizes.input(part), seconds)


def largest_within(prepared: Prepared, stopwatch: Stopwatch, budget_s: float) -> Prepared:
    """The space at the largest size at which the original itself keeps the budget.

    Raises:
        InfeasibleError: none is small enough.
        UsageError: the model takes no smaller images.
    """
    sizes = Sizes(prepared, stopwatch)
    part = sizes.largest_within(budget_s)
    seconds = None if part is None else sizes.seconds(part)
    if part is None or seconds is None:
        raise UsageError(f"the model does not take smaller images than {prepared.space.input}")
    if seconds > budget_s:
        raise InfeasibleError(f"at {sizes.input(part)} it takes {Duration(seconds)}")
    return _at(prepared, sizes.input(part), seconds)


class Sizes:
    """What the original takes at sizes that it takes images of, in steps of its edges."""

    def __init__(self, prepared: Prepared, stopwatch: Stopwatch) -> None:
        self._prepared, self._stopwatch = prepared, stopwatch
        shortest = min(prepared.space.input.height, prepared.space.input.width)
        self._step = 2 ** int(math.log2(max(1, shortest / _STEPS)))
        self._all = shortest // self._step
        self.parts = [part for part in range(self._all - 1, (self._all - 1) // 2, -1) if self._is_taken(part)]

    def input(self, part: int) -> FeatureMap:
        whole = self._prepared.space.input
        height, width = (self._step * round(edge * part / self._all / self._step) for edge in (whole.height, whole.width))
        return replace(whole, height=height, width=width)

    def seconds(self, part: int) -> float | None:
        """None: it cannot be timed."""
        input = self.input(part)
        try:
            return self._stopwatch.time(self._prepared.space.network.network, input)
        except (DnaDeployError, *_NOT_TAKEN) as error:
            _remark(self._prepared, f"images of {input} are left out: the model on them cannot be timed: {error}")
            return None

    def largest_within(self, budget_s: float) -> int | None:
        """By halves, since smaller images take less; the smallest size where none is within, None where there is none."""
        first, last = 0, len(self.parts) - 1
        while first < last:
            middle = (first + last) // 2
            seconds = self.seconds(self.parts[middle])
            if seconds is None:
                del self.parts[middle]
                last -= 1
            elif seconds <= budget_s:
                last = middle
            else:
                first = middle + 1
        return self.parts[first] if self.parts else None

    @torch.no_grad()
    def _is_taken(self, part: int) -> bool:
        try:
            self._prepared.space.network.network(torch.zeros(1, *self.input(part).sizes))
        except _NOT_TAKEN:
            return False
        return True


def _remark(prepared: Prepared, words: str) -> None:
    if words not in prepared.remarks:
        prepared.remarks.append(words)


def _at(prepared: Prepared, input: FeatureMap, original_s: float) -> Prepared:
    """Times are scaled by what that size saves the original; what was measured of a network corrects them."""
    space, file = prepared.space, prepared.wholes.file
    size = input.height, input.width
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
