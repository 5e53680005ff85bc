"""The model card: what was asked, predicted and measured, parity, accuracy, what it is compared with, where it comes from."""

from __future__ import annotations

from collections.abc import Iterator

from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import Absent, ModelCard, Parity
from dna_deploy.records.samples import LEAST_SAMPLES
from dna_deploy.records.score import ACCURACY, Metrics
from dna_deploy.report.content import Doubts, Facts, Missing, Piece, Remark, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import metric_text, share_text, short_digest, time_text
from dna_deploy.report.sections.latency_table import MEANINGS, machine_facts
from dna_deploy.units import Bytes, Count

TITLE = "The model card"
_MOST_LABELS = 20


def card_section(evidence: Evidence) -> Section:
    """The card, or what makes one."""
    card = evidence.card
    if card is None:
        missing = Missing("There is no model card.", "dna-deploy export, then dna-deploy verify")
        return Section("card", TITLE, "", (missing, *_measured(evidence.measurement)))
    lead = f"{card.model}, {Bytes(card.model_bytes)}, {card.precision}: the file to deploy, and what is known about it."
    return Section("card", TITLE, lead, tuple(_pieces(card, _predicted(evidence))))


def metric_texts(metrics: Metrics | Absent, where: str) -> tuple[tuple[str, str], ...]:
    """Every metric with its interval, under its name and where it is from; or why there is none."""
    if isinstance(metrics, Absent):
        return ((where.format(ACCURACY.name), metrics.reason),)
    return tuple((where.format(metric.name), metric_text(metric)) for metric in metrics)


def _measured(measurement: Measurement | None) -> Iterator[Piece]:
    """A measured file that no card speaks of."""
    if measurement is None:
        return
    quantiles = [
        (name, time_text(measurement.quantile(name).seconds)) for name in LEAST_SAMPLES if measurement.samples.can_tell(name)
    ]
    spread = ("samples", f"{measurement.samples.count:,}, interquartile range {share_text(measurement.spread)} of the median")
    yield Facts(
        f"Measured: {measurement.model}", (*quantiles, spread, *machine_facts(measurement.target, measurement.fingerprint))
    )
    rows = tuple((doubt.grade, doubt.name, doubt.message, doubt.advice) for doubt in measurement.doubts)
    yield Doubts(f"{measurement.model}: grade {measurement.grade}", measurement.grade, MEANINGS[measurement.grade], rows)


def _predicted(evidence: Evidence) -> tuple[tuple[str, str], ...]:
    """The accuracy that a calibrated rating predicted of the card's network."""
    card, outcome, merit = evidence.card, evidence.outcome, evidence.merit
    if not merit.is_prediction or card is None or outcome is None or outcome.best.architecture != card.architecture:
        return ()
    return (
        (f"{merit.metric} predicted by the search", merit.with_spread(outcome.best.rating, outcome.best.rating_standard_error)),
    )


def _pieces(card: ModelCard, predicted: tuple[tuple[str, str], ...]) -> Iterator[Piece]:
    yield Facts("Latency", tuple(_latency(card)))
    if not isinstance(card.measured, Absent):
        yield from (
            Remark(f"{doubt.name} (grade {doubt.grade}): {doubt.message}. {doubt.advice}", "doubt")
            for doubt in card.measured.doubts
        )
    yield Facts("Quality", (*predicted, *_quality(card)))
    if isinstance(card.parity, Absent):
        yield Missing(f"Parity with torch was not checked: {card.parity.reason}.")
    else:
        yield _parity(card.parity)
        if card.parity.absent_judges:
            rows = tuple(card.parity.absent_judges.items())
            yield Table("Judges that were not asked", ("judge", "why"), rows)
    if card.baselines:
        yield _baselines(card)
    yield _layers(card)
    yield Facts("Where it comes from", tuple(_origin(card)))


def _latency(card: ModelCard) -> Iterator[tuple[str, str]]:
    match card.asked:
        case Absent(reason=reason):
            yield "asked", reason
        case asked:
            yield "asked", f"{time_text(asked.latency_s)} ({asked.quantile})"
    match card.predicted:
        case Absent(reason=reason):
            yield "predicted", reason
        case predicted:
            error = predicted.relative_error
            yield (
                "predicted",
                f"{time_text(predicted.latency_s)}" + ("" if isinstance(error, Absent) else f" ± {share_text(error)}"),
            )
    match card.measured:
        case Absent(reason=reason):
            yield "measured", reason
        case measured:
            yield f"measured {measured.quantile}", f"{time_text(measured.quantile_s)} ± {time_text(measured.standard_error_s)}"
            p90 = measured.p90_s if isinstance(measured.p90_s, float) else None
            yield "p50 and p90", f"{time_text(measured.p50_s)} and {time_text(p90) if p90 is not None else 'not known'}"
            yield "samples", f"{measured.samples:,}, interquartile range {share_text(measured.spread)} of the median"
            yield from machine_facts(measured.target, measured.fingerprint)


def _quality(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield from metric_texts(card.metrics, "{} of the file")
    yield "parameters", f"{Count(card.parameters)} trained, {Count(card.deployed_parameters)} in the file"
    yield "multiply-accumulates", str(Count(card.macs))
    if isinstance(card.dataset, Absent):
        yield "data set", card.dataset.reason
    else:
        parts = ", ".join(f"{name} {count:,}" for name, count in card.dataset.splits.items())
        yield "data set", f"{card.dataset.name} ({parts} images)"
    more = len(card.labels) - _MOST_LABELS
    yield "classes", ", ".join(card.labels[:_MOST_LABELS]) + (f" and {more} more" if more > 0 else "")


def _parity(parity: Parity) -> Table:
    rows = tuple(
        (f"{judge.judge} {judge.judge_version}", f"{judge.images:,}", f"{judge.max_absolute_error:.2g}",
         f"{judge.mean_absolute_error:.2g}", share_text(judge.agreement, 2), metric_texts(judge.metrics, "{}")[0][1])
        for judge in parity.judges
    )  # fmt: skip
    headers = ("judge", "images", "max. error", "mean error", "same answer", metric_texts(parity.metrics, "{}")[0][0])
    return Table(f"Parity with torch (largest score {parity.largest_score:.3g})", headers, rows, frozenset({1, 2, 3, 4}))


def _baselines(card: ModelCard) -> Table:
    rows = tuple(
        (other.name, _time(other.predicted_s), str(Count(other.parameters)), str(Count(other.macs)), other.architecture)
        for other in card.compared
    )
    headers = ("network", "predicted", "parameters", "MACs", "architecture")
    return Table("Beside it", headers, rows, frozenset({1, 2, 3}))


def _time(seconds: float | Absent) -> str:
    return seconds.reason if isinstance(seconds, Absent) else time_text(seconds)


def _layers(card: ModelCard) -> Table:
    rows = tuple((layer.place, layer.layer, str(Count(layer.parameters)), str(Count(layer.macs))) for layer in card.layers)
    headers = ("part", "layer", "parameters", "MACs")
    return Table("Layers of the model", headers, rows, frozenset({2, 3}), is_folded=True)


def _origin(card: ModelCard) -> Iterator[tuple[str, str]]:
    yield "architecture", card.architecture
    yield "made", f"{card.provenance.created_at} by dna-deploy {card.provenance.tool_version}"
    yield "make it again", card.reproduce
    yield "model digest", short_digest(card.model_digest)
    yield from ((f"{name} digest", short_digest(digest)) for name, digest in card.digests.items())
    yield from ((f"seed of {name}", str(seed)) for name, seed in card.seeds.items())
    yield "packages", ", ".join(f"{name} {version}" for name, version in card.packages.items())
