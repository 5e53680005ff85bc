"""Everything that may be made of a model: candidates of its units, their ratings, and rows of its latency table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from torch import nn

from dna_deploy.fit.candidates import KEEP, SKIP, Candidates
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.pipeline.fit.ratings import Ratings
from dna_deploy.pipeline.fit.table import MeasuredSpace
from dna_deploy.search.units import Option, Replacement, UnitDepth, UnitStage, best_replacements
from dna_deploy.spaces.shapes import FeatureMap

Choice = Mapping[str, str]
"""Path of a unit -> code of its candidate."""


@dataclass(frozen=True)
class FitSpace:
    """Of the units that may change: candidates by path and code, what each does to the answers, and what it takes."""

    network: UnitNetwork
    input: FeatureMap
    candidates: Mapping[str, Candidates]
    measured: MeasuredSpace
    ratings: Ratings

    @property
    def original_s(self) -> float:
        """What the original took when they were timed."""
        return self.measured.original_s

    @property
    def kept(self) -> Choice:
        """The original."""
        return dict.fromkeys(self.candidates, KEEP)

    def module(self, path: str, code: str) -> nn.Module:
        """A candidate."""
        return next(candidate.module for candidate in self.candidates[path].there if candidate.code == code)

    def assembled(self, choice: Choice) -> nn.Module:
        """The original with candidates in the places of its units; these very modules."""
        return self.network.replaced(self.changed(choice)).eval()

    def changed(self, choice: Choice) -> dict[str, nn.Module]:
        """Its candidates that are not the units themselves, by path."""
        return {path: self.module(path, code) for path, code in choice.items() if code != KEEP}

    def predicted_s(self, choice: Choice) -> float:
        """What a network takes, as far as the table tells."""
        return self.measured.predicted_s(choice)

    def rating(self, choice: Choice) -> float:
        """The sum of the ratings of its units, and of the depths of its stages."""
        skipped, total = {path for path, code in choice.items() if code == SKIP}, 0.0
        for depth in sorted(self.ratings.depths, key=lambda depth: -len(depth.skipped)):
            if skipped.issuperset(depth.skipped):
                total += depth.divergence.value
                skipped -= set(depth.skipped)
        alone = {path: code for path, code in choice.items() if code != SKIP or path in skipped}
        return total + sum(self.ratings.divergences[path][code] for path, code in alone.items())

    def stages(self, ratings: Mapping[str, Mapping[str, float]], *, with_depths: bool = True) -> list[UnitStage]:
        """For the solver, with any ratings of candidates in the place of divergences."""
        stages = []
        for _, group in groupby(self.candidates.values(), lambda candidates: candidates.unit.stage):
            paths = [candidates.unit.path for candidates in group]
            depths = [depth for depth in self.ratings.depths if set(depth.skipped) <= set(paths)] if with_depths else []
            units = tuple(
                tuple(
                    Option(code, rating, self.measured.seconds[path][code])
                    for code, rating in ratings[path].items()
                    if code != SKIP or not with_depths
                )
                for path in paths
            )
            rated = tuple(UnitDepth(frozenset(map(paths.index, depth.skipped)), depth.divergence.value) for depth in depths)
            stages.append(UnitStage(units, rated))
        return stages

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
        stages = self.stages(ratings or self.ratings.divergences, with_depths=with_depths)
        networks = best_replacements(stages, budget_s, self.measured.rest_s, top)
        return [(self._choice(network), network.rating) for network in networks]

    def _choice(self, network: Replacement) -> Choice:
        codes: Sequence[str] = [option.code if option else SKIP for option in network.options]
        return dict(zip(self.candidates, codes, strict=True))
