"""``dna-deploy search with``: the best network by a rating of whole networks, which only a strategy can search."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.constraints import Constraints
from dna_deploy.cli.options.general import SPACE_AND_QUANTILE, Json
from dna_deploy.cli.options.groups import Knob, Knobs
from dna_deploy.cli.options.learning import SPREADING
from dna_deploy.cli.options.tables import LatencyTables
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.cli.views.search import search_view
from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import Settings
from dna_deploy.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from dna_deploy.learning.compute import Compute
    from dna_deploy.spaces.architecture import Architecture
    from dna_deploy.spaces.space import SearchSpace

SEED = Knobs("Strategy", Knob("seed", help="Equal seeds give equal searches"))


@dataclass(frozen=True)
class Exploring:
    """Which networks are rated, and how many."""

    PANEL: ClassVar = "Strategy"

    strategy: Annotated[
        str | None, typer.Option(help="evolution (of chains), ageing or random; default: the first that can.")
    ] = None
    evaluations: Annotated[int, typer.Option(min=1, help="Networks to rate.")] = 512
    log: Annotated[Path | None, typer.Option(help="Where ratings are kept, to resume; default: in the rating's folder.")] = None


def search_with(
    rating: Annotated[
        str, typer.Argument(help="A folder that `rate` left, or a function MODULE:NAME, of which lower is better.")
    ],
    settings: Annotated[Settings, SPACE_AND_QUANTILE, SEED, SPREADING],
    constraints: Constraints,
    tables: LatencyTables,
    exploring: Exploring,
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="The outcome's file.")] = Path("outcome.json"),
    json: Json = False,
) -> None:
    """Find the best network within all constraints by a rating of whole networks. Nothing is proven.

    Example: dna-deploy search with runs/one-shot-1a2b3c4d --latency 20ms

    Example: dna-deploy search with my_ratings:rate --macs 4M --log ratings.jsonl --jobs 4
    """
    from dna_deploy.search import search_black_box

    space, latency_tables = tables.read(settings.space)
    rate = _rating_of(rating, space, settings.compute)
    with journey_view() as view:

        def on_rated(count: int, best: float) -> None:
            view(Progress("rating networks", count, exploring.evaluations, f"best {best:.5g}"))

        outcome = search_black_box(
            space, rate, latency_tables, constraints.read(settings.quantile), name=rating, progress=on_rated,
            strategy=exploring.strategy, evaluations=exploring.evaluations, seed=settings.seed,
            log=exploring.log or _log_in(rating, space, exploring.strategy, settings.seed),
            executor=settings.compute.executor,
        )  # fmt: skip
    outcome.write(output)
    if json:
        print_json("search with", outcome=outcome.model_dump(mode="json"))
    else:
        print_result(search_view(outcome))
    note(f"wrote {output} · next: dna-deploy train {output}")


def _log_in(rating: str, space: SearchSpace, strategy: str | None, seed: int) -> Path | None:
    """In the folder of a rating, which does not change; what a function says may be another thing tomorrow."""
    from dna_deploy.records.files import digest_of

    name = digest_of(f"{rating} {space.digest} {strategy} {seed}".encode())[7:15]
    return Path(rating) / f"searched-{name}.jsonl" if Path(rating).is_dir() else None


def _rating_of(rating: str, space: SearchSpace, compute: Compute) -> Callable[[Architecture], float]:
    from dna_deploy.plugins import load_plugin

    if not Path(rating).is_dir():
        module, colon, _ = rating.partition(":")
        if not colon:
            raise UsageError(f"there is no folder {rating}", "give one that rate has left, or a function as MODULE:NAME")
        if Path(f"{module}.py").is_file():  # as python finds it, and a command does not
            sys.path.insert(0, str(Path.cwd()))
        function: Callable[[Architecture], float] = load_plugin("rating", rating, {rating: rating})
        return function
    from dna_deploy.rating.whole_networks import RatingByFolder
    from dna_deploy.spaces.chain import as_chain

    by_folder = RatingByFolder(Path(rating).resolve(), compute)
    by_folder.rater.work.check_space(as_chain(space))
    with journey_view() as view:
        by_folder.rater.train(view)
    return by_folder
