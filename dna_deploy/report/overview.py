"""The top of the page: the promise, whether it was kept, and the few numbers that a reader wants first."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from dna_deploy.records.fitted_model import FittedModel
from dna_deploy.records.model_card import Absent
from dna_deploy.records.search_outcome import FoundNetwork
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.merit import Merit
from dna_deploy.report.numbers import count_text, metric_interval, metric_number, share_text, time_text
from dna_deploy.units import Bytes, Count


@dataclass(frozen=True)
class Tile:
    """A number that matters, its name, and a remark below it."""

    name: str
    value: str
    remark: str = ""


@dataclass(frozen=True)
class Overview:
    """What stands above all sections."""

    title: str
    promise: str
    verdict: Literal["kept", "missed", "not checked"]
    because: str
    tiles: tuple[Tile, ...]


def overview(evidence: Evidence) -> Overview:
    """The summary of what is there."""
    fitted = next(iter(evidence.findings.of(FittedModel)), None)
    if fitted is not None and not evidence.is_of_a_search:
        return _of_own_model(fitted)
    card = evidence.card
    verdict = card.promise if card else "not checked"
    return Overview(
        title=f"A network for {evidence.target}" if evidence.target else f"The space {evidence.space_name}",
        promise=_promise(evidence),
        verdict=verdict,
        because=_because(evidence, verdict),
        tiles=tuple(_tiles(evidence)),
    )


def _of_own_model(card: FittedModel) -> Overview:
    stands = card.standing
    tiles = [
        Tile("original", time_text(card.original_s)),
        Tile("asked", time_text(card.asked_s), f"{card.asked_s / card.original_s:.0%} of the original"),
        Tile("measured", time_text(stands.measured_s), f"{stands.measured_s / card.original_s:.0%} of the original"),
        Tile("same answer", f"{stands.agreement:.1%}", f"of {stands.images} images, before fine-tuning"),
    ]
    if metric := stands.after or stands.before:
        tiles.append(Tile(metric.name, metric_number(metric), metric_interval(metric)))
    if card.grade:
        tiles.append(Tile("latency table", f"grade {card.grade}"))
    relation, asked = "within" if card.is_kept else "beyond", time_text(card.asked_s)
    return Overview(
        title=f"{card.model} on {card.target.name}",
        promise=f"What of {card.model} runs within {asked} and answers most like it.",
        verdict="kept" if card.is_kept else "missed",
        because=f"measured {time_text(stands.measured_s)} on the target, {relation} the {asked} that were asked",
        tiles=tuple(tiles),
    )


def _promise(evidence: Evidence) -> str:
    networks = f"{count_text(evidence.space.size())} networks" if evidence.space else "networks"
    if evidence.budget_s is None:
        return f"Among the {networks} of the space {evidence.space_name}."
    place = f" on {evidence.target}" if evidence.target else ""
    is_tie = evidence.outcome is not None and evidence.outcome.passed_over is not None
    which = "cheapest that ties with the best-rated" if is_tie else "best-rated"
    return (
        f"The {which} of the {networks} of the space {evidence.space_name} that run within "
        f"{time_text(evidence.budget_s)} ({evidence.quantile}){place}."
    )


def _because(evidence: Evidence, verdict: str) -> str:
    card = evidence.card
    if card is None:
        return "no model was exported and measured yet"
    if isinstance(card.asked, Absent):
        return card.asked.reason
    if isinstance(card.measured, Absent):
        return card.measured.reason
    if (pace := card.measured.pace) is not None and not pace.is_equal:
        return card.verdict
    relation = "within" if verdict == "kept" else "beyond"
    measured, budget = time_text(card.measured.quantile_s), time_text(card.asked.latency_s)
    return f"measured {measured} on the target, {relation} the {budget} that were asked"


def _tiles(evidence: Evidence) -> Iterator[Tile]:
    if evidence.budget_s is not None:
        yield Tile("asked", time_text(evidence.budget_s), f"{evidence.quantile}, at most")
    yield from _latencies(evidence)
    yield from _quality(evidence)
    if evidence.table:
        doubts = len(evidence.table.doubts)
        remark = {0: "no doubts", 1: "1 doubt"}.get(doubts, f"{doubts} doubts")
        yield Tile("latency table", f"grade {evidence.table.grade}", remark)


def _latencies(evidence: Evidence) -> Iterator[Tile]:
    card, outcome = evidence.card, evidence.outcome
    if card and not isinstance(card.predicted, Absent):
        error = card.predicted.relative_error
        yield Tile(
            "predicted", time_text(card.predicted.latency_s), "" if isinstance(error, Absent) else f"± {share_text(error)}"
        )
    elif outcome and outcome.best.targets:
        yield Tile("predicted", time_text(outcome.best.targets[0].latency_s), outcome.best.targets[0].quantile)
    if card and not isinstance(card.measured, Absent):
        yield Tile("measured", time_text(card.measured.quantile_s), f"{card.measured.samples:,} samples")


def _quality(evidence: Evidence) -> Iterator[Tile]:
    card, outcome = evidence.card, evidence.outcome
    metrics = card.metrics if card else evidence.trained.test if evidence.trained else Absent(reason="")
    if not isinstance(metrics, Absent):
        yield Tile(metrics[0].name, metric_number(metrics[0]), metric_interval(metrics[0]))
    if outcome:
        yield _rating(evidence.merit, outcome.best)
    sizes = card or (outcome.best if outcome else None)
    if sizes:
        yield Tile("parameters", str(Count(sizes.parameters)), f"{Bytes(card.model_bytes)} file" if card else "")
        yield Tile("MACs", str(Count(sizes.macs)), "for one image")


def _rating(merit: Merit, best: FoundNetwork) -> Tile:
    spread = merit.spread(best.rating, best.rating_standard_error)
    if merit.is_prediction:
        return Tile(merit.kind.name, merit.text(best.rating, 1), f"{spread}, after a short training")
    return Tile(merit.kind.name, f"{best.rating:.4g}", f"{spread}, lower is better")
