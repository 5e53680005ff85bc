"""Which of the networks within all constraints is the best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dna_deploy.cli.options.groups import Knob, Knobs

if TYPE_CHECKING:
    from dna_deploy.cli.options.constraints import Constraints
    from dna_deploy.pipeline.finder import Finder
    from dna_deploy.pipeline.settings import Settings
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.search import Constraint
    from dna_deploy.spaces.chain import HeadedSpace

_PANEL = "Choosing"

PREFERENCE = Knobs(_PANEL, Knob("prefer_cheaper", ("--prefer-cheaper/--optimum",)))


@dataclass(frozen=True)
class Choosing:
    """What is made small, and how many networks are answered."""

    PANEL: ClassVar = _PANEL

    minimise: Annotated[str, typer.Option(help="What to make small: rating, latency@TARGET, macs, ...")] = "rating"
    rating_at_most: Annotated[float | None, typer.Option(help="The worst rating to accept.")] = None
    top: Annotated[
        int | None,
        typer.Option("--top", "--shortlist", min=1, help="How many of the best networks to list; 1, or with --refine 64."),
    ] = None
    diverse: Annotated[int, typer.Option(min=0, help="Any two of the --top networks differ in at least so many layers.")] = 0
    refine: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Rank the --shortlist anew as whole networks: the supernets that rate left in RUN."),
    ] = None

    def bounds(self, constraints: Constraints, settings: Settings) -> list[Constraint]:
        """All constraints, that of the rating among them."""
        from dna_deploy.search import Constraint, Rating

        worst = [] if self.rating_at_most is None else [Constraint(Rating(), at_most=self.rating_at_most)]
        return [*constraints.read(settings.quantile), *worst]

    def finder(self, space: HeadedSpace, ratings: RatingTable, constraints: Constraints, settings: Settings) -> Finder:
        """What the answer depends on, besides latency tables."""
        from dna_deploy.pipeline.finder import Finder
        from dna_deploy.search.constraints import read_quantity

        second = None
        if self.refine is not None:
            from dna_deploy.rating.rater import RefiningRater, open_rater

            second = open_rater(self.refine, RefiningRater).second_stage(ratings)
        return Finder(
            space, ratings, tuple(self.bounds(constraints, settings)), read_quantity(self.minimise, settings.quantile),
            self.top or (settings.shortlist if second else 1), self.diverse, constraints.confidence_level,
            settings.prefer_cheaper, second,
        )  # fmt: skip
