"""``dna-deploy rank-check``: does a rating know more than cost? Against networks whose accuracy is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.general import SPACE, Json
from dna_deploy.cli.options.tables import Ratings
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dna_deploy.records.accuracy_list import KnownNetwork
    from dna_deploy.records.score import ScoreKind
    from dna_deploy.spaces.architecture import Architecture
    from dna_deploy.spaces.chain import HeadedSpace
    from dna_deploy.statistics.ranks import Estimate, RankReport

_COLUMNS, _LINES = 60, 14


def rank_check(
    accuracies: Annotated[
        Path,
        typer.Argument(
            help="CSV: an architecture, then one accuracy a training, on each line; its head may name another metric."
        ),
    ],
    *,
    settings: Annotated[Settings, SPACE],
    ratings: Ratings,
    run: Annotated[
        list[Path] | None,
        typer.Option(help="A folder that rate named: adds what its rater says of whole networks. May be repeated."),
    ] = None,
    top: Annotated[int, typer.Option(min=1, help="How many of the best-rated networks count for the gain.")] = 5,
    plot: Annotated[Path | None, typer.Option(help="Draw the metric over every score into this PNG.")] = None,
    json: Json = False,
) -> None:
    """Compare ratings with known accuracies, beside operator counts, parameters, MACs and chance; with 95 % intervals.

    Operator counts are fitted on the accuracies, each network's predicted from all others.

    Example: dna-deploy rank-check accuracies.csv --ratings ratings/fashion.json --plot ranks.png
    """
    import numpy as np

    from dna_deploy.records.accuracy_list import read_accuracies
    from dna_deploy.spaces.catalog import find_chain
    from dna_deploy.statistics.ranks import rank_report, tau_between_seeds

    space = find_chain(settings.space).with_head()
    networks = read_accuracies(accuracies, space)
    merit = np.array([network.merit for network in networks])
    scores = _scores(space, networks, ratings, run or [])
    if plot is not None:
        _draw(plot, scores, networks)
    costs = (np.array(scores["MACs"]), np.array(scores["parameters"]))
    reports = [rank_report(name, np.array(score), merit, costs, top=top) for name, score in scores.items()]
    ceiling = tau_between_seeds(np.array([network.accuracies for network in networks]))
    if json:
        values = {"networks": len(networks), "noise_ceiling_tau": _finite(ceiling), "top": top}
        print_json("rank-check", **values, scores=[_as_json(report) for report in reports])
        return
    kind = networks[0].kind
    print_result(f"{_table(reports, top, kind)}\n\n{_scatter(scores['block rating'], merit.tolist(), kind)}")
    noise = "one training each: the noise ceiling is unknown" if math.isnan(ceiling) else f"tau between trainings {ceiling:.2f}"
    note(f"{len(networks)} networks; {noise}")


def _draw(plot: Path, scores: dict[str, list[float]], networks: Sequence[KnownNetwork]) -> None:
    from dna_deploy.report.rank_plot import write_rank_plot

    write_rank_plot(plot, scores, networks)
    note(f"wrote {plot}")


def _scores(
    space: HeadedSpace, networks: Sequence[KnownNetwork], ratings: Ratings, runs: Sequence[Path]
) -> dict[str, list[float]]:
    """Every score, more is better."""
    import random

    import numpy as np

    from dna_deploy.statistics.operator_counts import left_one_out, operator_counts

    table = ratings.read(space.name)
    table.check_space(space)
    architectures = [network.architecture for network in networks]
    placed = [space.place(architecture) for architecture in architectures]
    scores = {"block rating": [-table.of(space, architecture) for architecture in architectures]}
    for run in runs:
        scores |= _of_run(space, architectures, run)
    merit = np.array([network.merit for network in networks])
    scores["operator counts"] = left_one_out(operator_counts(space, architectures), merit).tolist()
    scores["parameters"] = [float(sum(layer.parameters for layer in layers)) for layers in placed]
    scores["MACs"] = [float(sum(layer.macs for layer in layers)) for layers in placed]
    rng = random.Random(0)  # the same chance every time
    scores["chance"] = [rng.random() for _ in networks]
    return scores


def _of_run(space: HeadedSpace, architectures: Sequence[Architecture], run: Path) -> dict[str, list[float]]:
    """What the rater that left its run in a folder says of whole networks."""
    from dna_deploy.rating.rater import Rater, open_rater

    rater = open_rater(run, Rater)
    rater.work.check_space(space)
    with journey_view() as view:
        scores = rater.score(architectures, view)
    columns = zip(*((score, *score.further) for score in scores), strict=True)
    return {f"{rater.work.method}, {column[0].kind.name}": [-score.cost for score in column] for column in columns}


def _table(reports: Sequence[RankReport], top: int, kind: ScoreKind) -> str:
    rows = [
        (
            report.score,
            _shown(report.tau),
            f"{report.spearman.value:.2f}",
            f"{report.pearson.value:.2f}",
            _shown(report.tau_given_cost),
            _shown(report.tau_at_equal_cost),
            _shown(report.gain_of_top, kind.factor),
        )
        for report in reports
    ]
    headers = (
        "score",
        "Kendall tau",
        "Spearman",
        "Pearson",
        "tau given cost",
        "at equal MACs",
        f"gain of top {top}{kind.unit and f', {kind.unit}'}",
    )
    return aligned(rows, headers)


def _shown(estimate: Estimate, scale: float = 1) -> str:
    if math.isnan(estimate.value):
        return "-"
    return f"{scale * estimate.value:.2f} [{scale * estimate.low:.2f}, {scale * estimate.high:.2f}]"


def _scatter(score: Sequence[float], merit: Sequence[float], kind: ScoreKind) -> str:
    """The metric (better is up) over score (right), a dot a network."""
    field = [[" "] * _COLUMNS for _ in range(_LINES)]
    for x, y in zip(_places(score, _COLUMNS), _places(merit, _LINES), strict=True):
        field[_LINES - 1 - y][x] = "•"
    lines = ["│" + "".join(line).rstrip() for line in field]
    return "\n".join([f"{kind.name} {abs(max(merit)):.4g}", *lines, "└" + "─" * _COLUMNS, "block rating, better to the right"])


def _places(values: Sequence[float], count: int) -> list[int]:
    low, span = min(values), (max(values) - min(values)) or 1.0
    return [min(count - 1, int((value - low) / span * count)) for value in values]


def _as_json(report: RankReport) -> dict[str, object]:
    from dataclasses import asdict

    values = asdict(report)
    return {
        name: {key: _finite(number) for key, number in value.items()} if isinstance(value, dict) else value
        for name, value in values.items()
    }


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else value
