"""Which of the networks within all constraints is the best."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dna_deploy.cli.options.groups import Knob, Knobs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from dna_deploy.cli.options.constraints import Constraints
    from dna_deploy.pipeline.settings import Settings
    from dna_deploy.records.latency_table import LatencyTable
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.search import Constraint
    from dna_deploy.spaces.chain import ChainSpace

_PANEL = "Choosing"

PREFERENCE = Knobs(_PANEL, Knob("prefer_cheaper", ("--prefer-cheaper/--optimum",)))


@dataclass(frozen=True)
class Choosing:
    """What is made small, and how many networks are answered."""

    PANEL: ClassVar = _PANEL

    minimise: Annotated[str, typer.Option(help="What to make small: rating, latency@TARGET, macs, ...")] = "rating"
    rating_at_most: Annotated[float | None, typer.Option(help="The worst rating to accept.")] = None
    top: Annotated[int, typer.Option("--top", "--shortlist", min=1, help="How many of the best networks to list.")] = 1
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

    def question(
        self, space: ChainSpace, ratings: RatingTable, constraints: Constraints, settings: Settings
    ) -> Callable[[Sequence[LatencyTable]], SearchOutcome]:
        """The exact search, for any latency tables."""
        from functools import partial

        from dna_deploy.search import search
        from dna_deploy.search.constraints import read_quantity

        return partial(
            search,
            space,
            ratings,
            constraints=self.bounds(constraints, settings),
            objective=read_quantity(self.minimise, settings.quantile),
            top=self.top,
            differences=self.diverse,
            confidence=constraints.confidence_level,
            prefer_cheaper=settings.prefer_cheaper,
        )
