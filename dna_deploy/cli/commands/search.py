"""``dna-deploy search``: the best network within a budget, proven, and why."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dna_deploy.cli.accuracy import accuracy_line, accuracy_values
from dna_deploy.cli.commands.refine import refine_outcome, refinement_view
from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.project import found_in_project
from dna_deploy.cli.promise import keep, promise_values
from dna_deploy.cli.views.search import search_view

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from dna_deploy.records.latency_table import LatencyTable, Quantile
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.records.search_outcome import SearchOutcome
    from dna_deploy.search import Constraint, Quantity
    from dna_deploy.search.black_box import Rate
    from dna_deploy.spaces.space import SearchSpace


def search(
    latency: Annotated[
        list[str] | None,
        typer.Option(
            help="Latency budget: 20ms, 20ms@TARGET, 20ms@TARGET:p90, or 5ms..20ms. May be repeated.", metavar="BOUND"
        ),
    ] = None,
    parameters: Annotated[list[str] | None, typer.Option(help="Trainable parameters: 5.3M.", metavar="BOUND")] = None,
    macs: Annotated[list[str] | None, typer.Option(help="Multiply-accumulates an image: 400M.", metavar="BOUND")] = None,
    size: Annotated[list[str] | None, typer.Option(help="Bytes of weights, such as 12MiB.", metavar="BOUND")] = None,
    memory: Annotated[list[str] | None, typer.Option(help="Peak bytes of activations, such as 4MiB.", metavar="BOUND")] = None,
    rating_at_most: Annotated[float | None, typer.Option(help="The worst rating to accept.")] = None,
    minimise: Annotated[str, typer.Option(help="What to make small: rating, latency@TARGET, macs, ...")] = "rating",
    space: Annotated[str, typer.Option(help="The search space.")] = "fashion",
    table: Annotated[
        list[Path] | None, typer.Option(help="A latency table; default: latency_tables/SPACE.*.json. May be repeated.")
    ] = None,
    ratings: Annotated[Path | None, typer.Option(help="The rating table; default: ratings/SPACE.json.")] = None,
    quantile: Annotated[str, typer.Option(help="The quantile that latency budgets speak of: p50, p90, p99.")] = "p50",
    confidence: Annotated[str | None, typer.Option(help="Plan with upper bounds at this confidence, such as 95%.")] = None,
    top: Annotated[int, typer.Option("--top", "--shortlist", min=1, help="How many of the best networks to list.")] = 1,
    diverse: Annotated[int, typer.Option(min=0, help="Any two of the --top networks differ in at least so many layers.")] = 0,
    optimum: Annotated[
        bool, typer.Option("--optimum", help="Answer with the optimum, even where a cheaper network ties with it.")
    ] = False,
    keep_promise: Annotated[
        bool, typer.Option("--keep-promise", help="Measure what is found, and search again until it keeps the budget.")
    ] = False,
    steady: Annotated[
        bool, typer.Option("--steady", help="With --keep-promise: repeat what others slowed down (a machine not yours alone).")
    ] = False,
    profiles: Annotated[Path, typer.Option(help="The folder of targets, for --keep-promise.")] = Path("profiles"),
    refine: Annotated[
        Path | None,
        typer.Option(metavar="RUN", help="Rank the --shortlist anew as whole networks: the supernets that rate left in RUN."),
    ] = None,
    rate_with: Annotated[
        str | None,
        typer.Option(help="Rate whole networks: by what rate left in a folder, or a function MODULE:NAME; lower is better."),
    ] = None,
    strategy: Annotated[str, typer.Option(help="With --rate-with: evolution or random.")] = "evolution",
    evaluations: Annotated[int, typer.Option(min=1, help="With --rate-with: how many networks to rate.")] = 512,
    seed: Annotated[int, typer.Option(help="With --rate-with: equal seeds give equal searches.")] = 0,
    log: Annotated[Path | None, typer.Option(help="With --rate-with: keep the ratings here; the same command resumes.")] = None,
    output: Annotated[Path, typer.Option("--output", "-o", help="The outcome's file.")] = Path("outcome.json"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Find the best network within all constraints: exact over the whole space, explained block by block.

    Where the errors of the ratings cannot tell it from cheaper networks, the cheapest of these is preferred, and says so.

    Example: dna-deploy search --latency 20ms --space mbconv

    Example: dna-deploy search --latency 20ms --keep-promise

    Example: dna-deploy search --latency 20ms --shortlist 64 --refine runs/rate-1a2b3c4d
    """
    from dna_deploy.errors import UsageError
    from dna_deploy.search import Constraint, Rating
    from dna_deploy.search import search as run_search
    from dna_deploy.spaces.catalog import find_space

    if steady and not keep_promise:
        raise UsageError("--steady is about measuring, and search alone measures nothing", "add --keep-promise")
    asked = {"latency": latency, "parameters": parameters, "macs": macs, "size": size, "memory": memory}
    level = _quantile(quantile)
    constraints = read_constraints(asked, level)
    if rating_at_most is not None:
        constraints.append(Constraint(Rating(), at_most=rating_at_most))
    tables = read_tables(find_space(space), table)
    found_space = as_profiled(find_space(space), tables)
    if rate_with is not None:
        settings = {"strategy": strategy, "evaluations": evaluations, "seed": seed, "log": log}
        tell(_rated_with(rate_with, found_space, tables, constraints, settings), output, json)
        return
    rating_table = read_ratings(found_space, ratings)

    def run(with_tables: Sequence[LatencyTable]) -> SearchOutcome:
        return run_search(
            found_space,
            rating_table,
            with_tables,
            constraints,
            objective=_objective(minimise, level),
            top=top,
            differences=diverse,
            confidence=None if confidence is None else read_share(confidence),
            prefer_cheaper=not optimum,
        )

    kept = keep(found_space, run, tables, constraints, profiles, steady=steady) if keep_promise else None
    outcome = kept.chosen.outcome if kept else run(tables)
    changed = ""
    if refine is not None:
        refined, refinement = refine_outcome(outcome, rating_table, refine)
        outcome, changed = refined, refinement_view(refinement, outcome)
    outcome.write(output)
    best = outcome.best
    if json:
        promise: dict[str, Any] = {"promise": promise_values(kept)} if kept else {}
        accuracy = accuracy_values(best, rating_table, ratings_file(found_space, ratings))
        print_json("search", outcome=outcome.model_dump(mode="json"), **accuracy, **promise)
        return
    print_result(search_view(outcome))
    if accuracy_text := accuracy_line(best, rating_table, ratings_file(found_space, ratings)):
        print_result(f"\n{accuracy_text}")
    if changed:
        print_result(f"\n{changed}")
    note(f"wrote {output} · next: dna-deploy train {output}")


def tell(outcome: SearchOutcome, output: Path, json: bool) -> None:
    """Writes and prints an outcome."""
    outcome.write(output)
    if json:
        print_json("search", outcome=outcome.model_dump(mode="json"))
        return
    print_result(search_view(outcome))


def _rated_with(
    path: str, space: SearchSpace, tables: list[LatencyTable], constraints: list[Constraint], settings: dict[str, Any]
) -> SearchOutcome:
    """A search with a rater that was trained or a user's own function as the rating, while a bar counts the networks."""
    from dna_deploy.cli.views.journey import journey_view
    from dna_deploy.plugins import load_plugin
    from dna_deploy.progress import Progress
    from dna_deploy.search import search_black_box

    rate: Rate = _opened(Path(path), space) if Path(path).is_dir() else load_plugin("rating", path, {path: path})
    with journey_view() as view:

        def rated(done: int, best: float) -> None:
            view(Progress("rating networks", done, settings["evaluations"], f"best {best:.5g}"))

        return search_black_box(space, rate, tables, constraints, name=path, progress=rated, **settings)


def _opened(folder: Path, space: SearchSpace) -> Rate:
    """What the rater that left its run in a folder says of a network of ``space``; lower is better."""
    from dna_deploy.cli.views.journey import journey_view
    from dna_deploy.rating.rater import Rater, open_rater

    rater = open_rater(folder, Rater)
    rater.work.check_space(space)
    with journey_view() as view:
        rater.train(view)
    return lambda network: rater.score([network])[0].cost


def read_constraints(asked: Mapping[str, list[str] | None], level: Quantile) -> list[Constraint]:
    """The bounds that a user wrote, by the name of their quantity."""
    from dna_deploy.search import Constraint

    return [Constraint.parse(name, text, level) for name, texts in asked.items() for text in texts or ()]


def read_tables(space: SearchSpace, paths: list[Path] | None) -> list[LatencyTable]:
    """The latency tables that were named, else those of the space in ``latency_tables/`` here or in the project's run."""
    from dna_deploy.records.latency_table import LatencyTable

    return [LatencyTable.read(path) for path in paths or found_in_project(f"latency_tables/{space.name}.*.json")]


def read_ratings(space: SearchSpace, path: Path | None) -> RatingTable:
    """The ratings that were named, else ``ratings/<space>.json`` here or in the project's run."""
    from dna_deploy.records.rating_table import RatingTable

    return RatingTable.read(ratings_file(space, path))


def ratings_file(space: SearchSpace, path: Path | None) -> Path:
    """Where those ratings lie."""
    from dna_deploy.errors import TableError

    found = [path] if path else found_in_project(f"ratings/{space.name}.json")
    if not found or not found[0].exists():
        missing = path or Path("ratings") / f"{space.name}.json"
        raise TableError(f"there is no rating table {missing}", f"make one with: dna-deploy rate --space {space.name}")
    return found[0]


def as_profiled(space: SearchSpace, tables: Sequence[LatencyTable]) -> SearchSpace:
    """The space with as many classes as its tables were made for."""
    from dna_deploy.records.known_space import known_space

    table = next((table for table in tables if table.space == space.name), None)
    return space if table is None else known_space(table)


def _quantile(text: str) -> Quantile:
    from dna_deploy.search.constraints import read_quantile

    return read_quantile(text)


def _objective(text: str, quantile: Quantile) -> Quantity:
    from dna_deploy.search.constraints import read_quantity

    return read_quantity(text, quantile)


def read_share(text: str) -> float:
    """A share such as ``95%`` or ``0.95``."""
    from dna_deploy.errors import UsageError

    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a share", "write it like 95%") from error
