"""Everything that may be made of a model: candidates of its units with their ratings and their times."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from pathlib import Path

import torch
from torch import nn

from dna_deploy.errors import TableError
from dna_deploy.fit.candidates import KEEP, SKIP, Candidate, Candidates, Missing
from dna_deploy.fit.depth import Depth, rate_depths
from dna_deploy.fit.judging import Judge, Mean, Rated
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.latency.calibrate import calibrate_sums
from dna_deploy.pipeline.fit.recovery import settled
from dna_deploy.pipeline.fit.timing import EMPTY, Stopwatch
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import write_atomically
from dna_deploy.records.latency_table import Calibration
from dna_deploy.search.units import Option, Replacement, UnitDepth, UnitStage, best_replacements
from dna_deploy.spaces.shapes import FeatureMap

ORIGINAL = "original"

_MIXTURES = 5
"""Networks drawn at random that are timed as a whole, to tell how times of units add up."""

Choice = Mapping[str, str]
"""Path of a unit -> code of its candidate."""


@dataclass
class OwnSpace:
    """Candidates by path and code, what each does to the answers, and what it takes."""

    network: UnitNetwork
    input: FeatureMap
    candidates: dict[str, Candidates]
    rated: dict[str, dict[str, Rated]] = field(default_factory=dict)
    depths: tuple[Depth, ...] = ()
    seconds: dict[str, dict[str, float]] = field(default_factory=dict)
    calibration: Calibration | None = None
    original_s: float = 0.0

    def rate(self, judge: Judge, fitting: list[torch.Tensor], folder: Path, on_progress: OnProgress = silent) -> None:
        """Rates every candidate alone, then the depths of stages; what the folder holds of an earlier run is read."""
        for number, (path, candidates) in enumerate(self.candidates.items(), 1):
            file = folder / f"{path.replace(':', '-')}.json"
            if not file.exists():
                rated = [
                    (each.code, *vars(each.divergence).values(), *vars(each.error).values())
                    for each in judge.rate(path, candidates.there)
                ]
                write_atomically(file, json.dumps(rated).encode())
            self.rated[path] = {
                code: Rated(code, Mean(*values[:2]), Mean(*values[2:])) for code, *values in json.loads(file.read_text())
            }
            on_progress(Progress("rating candidates", number, len(self.candidates)))
        self._rate_depths(judge, fitting, folder / "depths.json", on_progress)

    def _rate_depths(self, judge: Judge, fitting: list[torch.Tensor], file: Path, on_progress: OnProgress) -> None:
        units = [candidates.unit for candidates in self.candidates.values()]
        if not file.exists():
            skips = {path: rated[SKIP] for path, rated in self.rated.items() if SKIP in rated}
            depths = rate_depths(judge, units, skips, partial(settled, batches=fitting), on_progress)
            rows = [(depth.stage, depth.skipped, *vars(depth.divergence).values()) for depth in depths]
            write_atomically(file, json.dumps(rows).encode())
        self.depths = tuple(Depth(stage, tuple(skipped), Mean(*mean)) for stage, skipped, *mean in json.loads(file.read_text()))

    def time(self, stopwatch: Stopwatch) -> None:
        """Times every candidate, the original, and some mixtures, in turns. What cannot be exported is missing from now on.

        Raises:
            TableError: a unit cannot be exported as it is.
        """
        for path, candidates in self.candidates.items():
            self.candidates[path] = self._exported(candidates, stopwatch)
        modules = {
            f"{path} {candidate.code}": (candidate.module, candidates.unit.input)
            for path, candidates in self.candidates.items()
            for candidate in candidates.there
            if candidate.code != SKIP
        }
        mixtures = [dict.fromkeys(self.candidates, KEEP), *self._drawn(_MIXTURES)]
        wholes = {f"mixture {number}": (self.assembled(choice), self.input) for number, choice in enumerate(mixtures)}
        times = stopwatch.time({**modules, **wholes})
        empty = times[EMPTY].seconds
        for path, candidates in self.candidates.items():
            self.seconds[path] = {
                candidate.code: 0.0 if candidate.code == SKIP else max(1e-9, times[f"{path} {candidate.code}"].seconds - empty)
                for candidate in candidates.there
            }
        latencies = [times[name].seconds for name in wholes]
        self.original_s = latencies[0]
        self.calibration = calibrate_sums("p50", [self.sum_s(choice) for choice in mixtures], latencies)

    def _exported(self, candidates: Candidates, stopwatch: Stopwatch) -> Candidates:
        """Without those that cannot be."""
        there, missing = list[Candidate](), list(candidates.missing)
        for candidate in candidates.there:
            try:
                if candidate.code != SKIP:
                    name = f"{candidates.unit.path} {candidate.code}"
                    stopwatch.export(name, candidate.module, candidates.unit.input)
                there.append(candidate)
            except TableError as error:
                if candidate.code == KEEP:
                    raise
                missing.append(Missing(candidate.code, error.message))
                self.rated[candidates.unit.path].pop(candidate.code, None)
        return replace(candidates, there=tuple(there), missing=tuple(missing))

    def _drawn(self, count: int) -> list[Choice]:
        """Networks from hardly changed to hardly anything left."""
        rng, choices = random.Random(0), list[Choice]()
        for number in range(count):
            share = (number + 1) / count
            choices.append(
                {
                    path: rng.choice(candidates.there).code if rng.random() < share else KEEP
                    for path, candidates in self.candidates.items()
                }
            )
        return choices

    def module(self, path: str, code: str) -> nn.Module:
        """A candidate."""
        return next(candidate.module for candidate in self.candidates[path].there if candidate.code == code)

    def assembled(self, choice: Choice) -> nn.Module:
        """The original with candidates in the places of its units; these very modules."""
        changed = {path: self.module(path, code) for path, code in choice.items() if code != KEEP}
        return self.network.replaced(changed).eval()

    def sum_s(self, choice: Choice) -> float:
        """Times of the units."""
        return sum(self.seconds[path][code] for path, code in choice.items())

    def predicted_s(self, choice: Choice) -> float:
        """What a network takes, as far as times of units tell."""
        assert self.calibration is not None
        return self.calibration.offset_s + self.calibration.scale * self.sum_s(choice)

    def stages(self, ratings: Mapping[str, Mapping[str, float]], *, with_depths: bool = True) -> list[UnitStage]:
        """For the solver, with any ratings of candidates in the place of divergences."""
        assert self.calibration is not None
        scale, stages = self.calibration.scale, []
        for stage, group in groupby(self.candidates.values(), lambda candidates: candidates.unit.stage):
            paths = [candidates.unit.path for candidates in group]
            depths = [depth for depth in self.depths if set(depth.skipped) <= set(paths)] if with_depths else []
            del stage
            units = tuple(
                tuple(
                    Option(code, rating, scale * self.seconds[path][code])
                    for code, rating in ratings[path].items()
                    if code != SKIP or not with_depths
                )
                for path in paths
            )
            rated = tuple(UnitDepth(frozenset(map(paths.index, depth.skipped)), depth.divergence.value) for depth in depths)
            stages.append(UnitStage(units, rated))
        return stages

    @property
    def divergences(self) -> dict[str, dict[str, float]]:
        """What replacing one unit does to the answers."""
        return {path: {code: each.divergence.value for code, each in rated.items()} for path, rated in self.rated.items()}

    @property
    def errors(self) -> dict[str, dict[str, float]]:
        """How far units are off by themselves."""
        return {path: {code: each.error.value for code, each in rated.items()} for path, rated in self.rated.items()}

    def best(
        self,
        budget_s: float,
        top: int = 1,
        ratings: Mapping[str, Mapping[str, float]] | None = None,
        *,
        with_depths: bool = True,
    ) -> list[tuple[Choice, float]]:
        """The networks of the least rating that are predicted to keep a budget, best first, with their ratings.

        Raises:
            InfeasibleError: none is.
        """
        assert self.calibration is not None
        stages = self.stages(ratings or self.divergences, with_depths=with_depths)
        networks = best_replacements(stages, budget_s, self.calibration.offset_s, top)
        return [(self._choice(network), network.rating) for network in networks]

    def _choice(self, network: Replacement) -> Choice:
        codes: Sequence[str] = [option.code if option else SKIP for option in network.options]
        return dict(zip(self.candidates, codes, strict=True))
