"""One's own model within a budget: before and after, which units changed, and what every millisecond costs."""

from __future__ import annotations

from dna_deploy.records.fitted_model import FittedModel, NetworkStanding
from dna_deploy.records.model_card import Absent
from dna_deploy.records.score import Metric
from dna_deploy.report.content import Facts, Piece, Remark, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import NOTHING, TimeScale, time_text

KEEP = "keep"


def fitted_section(evidence: Evidence) -> Section | None:
    """The newest model that was fitted; None where there is none."""
    card = next(iter(evidence.findings.of(FittedModel)), None)
    if card is None:
        return None
    verdict = "keeps" if card.is_kept else "misses"
    lead = (
        f"{card.model} took {time_text(card.original_s)} on {card.target.name}. {time_text(card.asked_s)} were asked; what "
        f"came out takes {time_text(card.standing.measured_s)}, and {verdict} them. It was proposed by: {card.source}."
    )
    pieces: list[Piece] = [_facts(card), _networks(card), _units(card)]
    pieces += [Remark(doubt, "doubt") for doubt in card.doubts]
    return Section("fitted", "Your model within its budget", lead, tuple(pieces))


def _facts(card: FittedModel) -> Facts:
    stands = card.standing
    rows = [
        ("asked", f"{time_text(card.asked_s)}, {card.asked_s / card.original_s:.0%} of the original"),
        ("predicted", f"{time_text(card.predicted_s)} ± {card.relative_error:.1%}"),
        ("measured", f"{time_text(stands.measured_s)}, {stands.measured_s / card.original_s:.0%} of the original"),
        ("latency is of", card.timing),
        *([("images", f"{card.takes} from now on, {card.input} before")] if card.takes else []),
        ("same answer", f"{stands.agreement:.1%} of {stands.images} images before any fine-tuning"),
        ("parity", f"scores of the ONNX file are within {card.parity:.0e} of torch's"),
        ("sums and whole networks", f"agree with Kendall's tau {card.tau:.2f}, over {card.judged} networks"),
        *(("note", remark) for remark in (*card.remarks, card.shelf_words) if remark),
    ]
    return Facts("What was promised, and what is so", tuple(rows))


def _networks(card: FittedModel) -> Table:
    scale = TimeScale.of([card.original_s, card.standing.measured_s])
    rows = [("the original", scale.bare(card.original_s), "100.0%", _metric(card.original), NOTHING, NOTHING)]
    rows.append((f"fitted, by {card.source}", *_standing(card.standing, scale)))
    for baseline in card.baselines:
        if isinstance(baseline.standing, Absent):
            rows.append((baseline.name, baseline.standing.reason, NOTHING, NOTHING, NOTHING, NOTHING))
        else:
            rows.append((baseline.name, *_standing(baseline.standing, scale)))
    headers = ("network", scale.unit, "same answer", "accuracy", "same answer, fine-tuned", "accuracy, fine-tuned")
    return Table("Beside what needs no search, with the same recovery", headers, tuple(rows), frozenset({1, 2, 3, 4, 5}))


def _standing(stands: NetworkStanding, scale: TimeScale) -> tuple[str, str, str, str, str]:
    tuned = NOTHING if stands.agreement_after is None else f"{stands.agreement_after:.1%}"
    return scale.bare(stands.measured_s), f"{stands.agreement:.1%}", _metric(stands.before), tuned, _metric(stands.after)


def _metric(metric: Metric | None) -> str:
    return metric.text(metric.value) if metric else NOTHING


def _units(card: FittedModel) -> Table:
    """What changed, the unit that paid most for its time first."""
    scale = TimeScale.of(unit.original_s for unit in card.units)
    changed = [unit for unit in card.units if unit.choice != KEEP]
    price = {unit.path: unit.divergence / max(1e-12, (unit.original_s - unit.seconds) * 1e3) for unit in changed}
    rows = tuple(
        (unit.path, unit.choice, scale.bare(unit.original_s), scale.bare(unit.seconds),
         f"{unit.divergence:.4f} ± {unit.standard_error:.4f}", f"{price[unit.path]:.4f}")
        for unit in sorted(changed, key=lambda unit: price[unit.path])
    )  # fmt: skip
    headers = ("unit", "becomes", f"{scale.unit} before", f"{scale.unit} after", "KL alone", "KL a millisecond")
    kept = len(card.units) - len(changed)
    return Table(f"Units that changed, the cheapest millisecond first; {kept} are kept", headers, rows, frozenset({2, 3, 4, 5}))
