"""A model card as Markdown: the promise first, then what it rests on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from dna_deploy.records.model_card import Absent, Baseline, ModelCard, Parity
from dna_deploy.records.score import ACCURACY, Metrics
from dna_deploy.targets.target import per
from dna_deploy.units import Bytes, Count, Duration

_VERDICTS = {
    "kept": "**The promise is kept**: the file was measured on the target.",
    "missed": "**The promise is missed**: the file was measured on the target.",
    "not checked": "The promise is **not checked**: there is no budget or no measurement.",
}


def card_markdown(card: ModelCard) -> str:
    """The card for a person."""
    sections = (
        (f"{card.model}: a network of the space {card.space}", _promise(card)),
        ("Latency", _latency(card)),
        (metric_name(card.metrics).capitalize(), _quality(card)),
        ("Pre-processing", _preprocessing(card)),
        ("Parity with torch", _parity(card.parity)),
        ("Beside it", _baselines(card)),
        ("Architecture", _architecture(card)),
        ("Where it comes from", _origin(card)),
    )
    lines: list[str] = []
    for index, (title, body) in enumerate(sections):
        lines += [f"{'#' if index == 0 else '##'} {title}", "", *body, ""]
    return "\n".join(lines)


def headline(card: ModelCard) -> list[tuple[str, str]]:
    """The facts that a reader wants first, as label and value, and the baselines."""
    return [*_facts(card), *(row for baseline in card.baselines for row in _beside(baseline))]


def _facts(card: ModelCard) -> list[tuple[str, str]]:
    return [
        (
            "asked",
            card.asked.reason
            if isinstance(card.asked, Absent)
            else f"{_time(card.asked.latency_s)} for {per(card.asked.batch)} ({card.asked.quantile})",
        ),
        ("predicted", _predicted(card)),
        ("measured", _measured(card)),
        ("promise", card.verdict),
        *metric_rows(card.metrics),
        ("parity", _worst(card.parity)),
        ("parameters", f"{Count(card.parameters)} ({Count(card.deployed_parameters)} in the file)"),
        ("multiply-accumulates", str(Count(card.macs))),
        ("file", f"{card.model}, {Bytes(card.model_bytes)}, {card.precision}"),
    ]


def _beside(baseline: Baseline) -> tuple[tuple[str, str], ...]:
    costs = (
        f"{Count(baseline.parameters)} parameters, {Count(baseline.macs)} MACs, predicted {_or_reason(baseline.predicted_s)}"
    )
    return ("baseline", baseline.name), ("", costs)


def _promise(card: ModelCard) -> list[str]:
    return [f"{_VERDICTS[card.promise]} {card.verdict[:1].upper()}{card.verdict[1:]}.", "", *_table(("", ""), _facts(card))]


def _latency(card: ModelCard) -> Iterator[str]:
    yield from _measurement(card)
    yield ""
    yield from _tuning(card)


def _measurement(card: ModelCard) -> Iterator[str]:
    if isinstance(card.measured, Absent):
        yield f"Not measured: {card.measured.reason}."
        return
    measured, target, machine = card.measured, card.measured.target, card.measured.fingerprint
    yield from _table(
        ("p50", "p90", "samples", "standard error", "spread (interquartile range / median)"),
        [
            (
                _time(measured.p50_s),
                _or_reason(measured.p90_s),
                measured.samples,
                _time(measured.standard_error_s),
                f"{measured.spread:.1%}",
            )
        ],
    )
    yield ""
    yield (
        f"Measured on target `{target.name}`: {machine.runtime_version}, {target.provider}, "
        f"{target.precision}, {target.threads} thread(s), batch {target.batch}, on {machine.processor} ({machine.system}); "
        f"{measured.rhythm}."
    )
    how = f"not compared: {measured.no_pace}" if measured.pace is None else measured.pace.words()
    yield f"Pace of the machine: {how or 'not compared'}."
    if not isinstance(card.without_preprocessing, Absent):
        yield f"Without pre-processing inside: {_time(card.without_preprocessing.p50_s)} (p50)."
    for doubt in measured.doubts:
        yield f"- doubt `{doubt.name}` (grade {doubt.grade}): {doubt.message}. {doubt.advice}"


def _tuning(card: ModelCard) -> Iterator[str]:
    if isinstance(card.tuning, Absent):
        yield f"Other settings: {card.tuning.reason}."
        return
    tuning = card.tuning
    yield f"Tuned: {tuning.chosen.words} saves {tuning.gained:.1%} of what {tuning.usual.words} takes."
    yield ""
    yield from _table(
        ("setting", "file", "p50", metric_name(tuning.chosen.metrics)),
        [(variant.words, variant.model, _time(variant.p50_s), _first(variant.metrics)) for variant in tuning.tried],
    )


def _quality(card: ModelCard) -> Iterator[str]:
    yield f"On test images that nothing was chosen by: {_first(card.metrics)}."
    for metric in () if isinstance(card.metrics, Absent) else card.metrics[1:]:
        yield f"Their {metric.name}: {metric}."
    if isinstance(card.dataset, Absent):
        yield f"Data set: {card.dataset.reason}."
    else:
        parts = ", ".join(f"{name} {count:,} images" for name, count in card.dataset.splits.items())
        yield f"Data set: {card.dataset.name} ({parts})."
    yield ""
    yield f"Classes: {', '.join(card.labels[:20])}{f' and {len(card.labels) - 20} more' if len(card.labels) > 20 else ''}."


def _preprocessing(card: ModelCard) -> Iterator[str]:
    if isinstance(card.preprocessing, Absent):
        yield f"Not known: {card.preprocessing.reason}."
        return
    if ".pictures." in card.model:
        yield "The file does all of this itself: it takes bytes (batch, height, width, channels), and gives probabilities."
        yield ""
    yield from (step if step.startswith(" ") else f"- {step}" for step in card.preprocessing.steps())


def _parity(parity: Parity | Absent) -> Iterator[str]:
    if isinstance(parity, Absent):
        yield f"Not checked: {parity.reason}."
        return
    yield f"On {parity.source}; the largest score is {parity.largest_score:.4g}."
    yield f"Torch's own {metric_name(parity.metrics)}: {_first(parity.metrics)}."
    yield ""
    yield from _table(
        ("judge", "images", "max abs. error", "mean abs. error", "same answer", metric_name(parity.metrics)),
        [
            (f"{judge.judge} {judge.judge_version}", judge.images, f"{judge.max_absolute_error:.3g}",
             f"{judge.mean_absolute_error:.3g}", f"{judge.agreement:.2%}", _first(judge.metrics))
            for judge in parity.judges
        ],
    )  # fmt: skip
    for name, reason in parity.absent_judges.items():
        yield f"- {name} was not asked: {reason}"


def _baselines(card: ModelCard) -> Iterator[str]:
    if not card.baselines:
        yield "No other network was compared."
        return
    yield from _table(
        ("network", "predicted", "parameters", "MACs", "architecture"),
        [
            (other.name, _or_reason(other.predicted_s), Count(other.parameters), Count(other.macs), f"`{other.architecture}`")
            for other in card.compared
        ],
    )


def _architecture(card: ModelCard) -> Iterator[str]:
    yield f"`{card.architecture}`"
    yield ""
    yield from _table(
        ("place", "layer", "parameters", "MACs"),
        [(layer.place, f"`{layer.layer}`", Count(layer.parameters), Count(layer.macs)) for layer in card.layers],
    )


def _origin(card: ModelCard) -> Iterator[str]:
    yield f"Made by dna-deploy {card.provenance.tool_version} on {card.provenance.created_at}. Again: `{card.reproduce}`"
    yield ""
    facts = [("model", card.model_digest), ("space", card.space_digest), *card.digests.items()]
    facts += [(f"seed: {name}", str(seed)) for name, seed in card.seeds.items()]
    facts += [("python", card.provenance.python_version), *card.packages.items()]
    yield from _table(("what", "which"), facts)


def _predicted(card: ModelCard) -> str:
    if isinstance(card.predicted, Absent):
        return card.predicted.reason
    error = card.predicted.relative_error
    return _time(card.predicted.latency_s) + ("" if isinstance(error, Absent) else f" (± {error:.1%})")


def _measured(card: ModelCard) -> str:
    if isinstance(card.measured, Absent):
        return card.measured.reason
    measured = card.measured
    every = f"{measured.target.per}; p50 {_time(measured.p50_s)}, p90 {_or_reason(measured.p90_s)}, {measured.samples} samples"
    return f"{_time(measured.quantile_s)} at {measured.quantile} ({every})"


def metric_name(metrics: Metrics | Absent) -> str:
    """What the first metric is called; that of classification, where there is none."""
    return ACCURACY.name if isinstance(metrics, Absent) else metrics[0].name


def metric_rows(metrics: Metrics | Absent) -> list[tuple[str, str]]:
    """Every metric as label and value, or why there is none."""
    if isinstance(metrics, Absent):
        return [(metric_name(metrics), metrics.reason)]
    return [(metric.name, str(metric)) for metric in metrics]


def _first(metrics: Metrics | Absent) -> str:
    return metric_rows(metrics)[0][1]


def _worst(parity: Parity | Absent) -> str:
    if isinstance(parity, Absent):
        return parity.reason
    worst = max(parity.judges, key=lambda judge: judge.max_absolute_error)
    return f"max absolute error {worst.max_absolute_error:.3g} ({', '.join(judge.judge for judge in parity.judges)})"


def _or_reason(seconds: float | Absent) -> str:
    return seconds.reason if isinstance(seconds, Absent) else _time(seconds)


def _time(seconds: float) -> str:
    return str(Duration(seconds))


def _table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """A Markdown table."""
    lines = [headers, ["---"] * len(headers), *rows]
    return ["| " + " | ".join(str(cell).replace("|", "\\|") for cell in line) + " |" for line in lines]
