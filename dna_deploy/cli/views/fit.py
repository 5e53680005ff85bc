"""A fitted model for a person: what was asked and what came, which units changed, and what needs no search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.cli.console import aligned
from dna_deploy.units import Duration

if TYPE_CHECKING:
    from dna_deploy.records.fitted_model import FittedModel, NetworkStanding

_HEADERS = ("network", "ms", "agrees", "accuracy", "tuned: agrees", "accuracy")


def fitted_view(record: FittedModel) -> str:
    """All of it, the answer first."""
    stands = record.standing
    verdict = "kept" if record.is_kept else "missed"
    rows = [
        ("model", f"{record.model}, {record.input}, {Duration(record.original_s)}"),
        *([("takes", f"images of {record.takes} from now on")] if record.takes else []),
        ("asked", f"{Duration(record.asked_s)} ({record.asked_s / record.original_s:.0%})"),
        (
            "predicted",
            f"{Duration(record.predicted_s)} ± {record.relative_error:.1%}, by a table of grade {record.grade or '-'}",
        ),
        *(("doubt", doubt) for doubt in record.doubts),
        ("measured", f"{Duration(stands.measured_s)}: {verdict}; {record.timing}"),
        ("same answer", f"{stands.agreement:.1%} of {stands.images} images, before any fine-tuning"),
        ("parity", f"the ONNX file's scores are within {record.parity:.0e} of torch's"),
    ]
    return "\n\n".join((aligned(rows), _networks(record), _units(record), "\n".join(record.remarks), _spent(record)))


def _networks(record: FittedModel) -> str:
    accuracy = record.original.text(record.original.value) if record.original else "-"
    rows = [
        ("the original", f"{record.original_s * 1e3:.2f}", "100.0%", accuracy, "-", "-"),
        (f"fitted: {record.source}", *_standing(record.standing)),
    ]
    absent = []
    for baseline in record.baselines:
        if hasattr(baseline.standing, "reason"):
            absent.append(f"no {baseline.name}: {baseline.standing.reason}")
        else:
            rows.append((baseline.name, *_standing(baseline.standing)))
    return "\n".join((aligned(rows, _HEADERS), *absent, *filter(None, (record.shelf_words,))))


def _standing(stands: NetworkStanding) -> tuple[str, ...]:
    metrics = [metric.text(metric.value) if metric else "-" for metric in (stands.before, stands.after)]
    tuned = "-" if stands.agreement_after is None else f"{stands.agreement_after:.1%}"
    return f"{stands.measured_s * 1e3:.2f}", f"{stands.agreement:.1%}", metrics[0], tuned, metrics[1]


def _units(record: FittedModel) -> str:
    changed = [
        (unit.path, unit.choice, f"{unit.original_s * 1e3:.3f}", f"{unit.seconds * 1e3:.3f}",
         f"{unit.divergence:.4f} ± {unit.standard_error:.4f}")
        for unit in record.units
        if unit.choice != "keep"
    ]  # fmt: skip
    kept = len(record.units) - len(changed)
    return f"{aligned(changed, ('unit', 'becomes', 'ms', 'ms then', 'KL alone'))}\n{kept} units are kept"


def _spent(record: FittedModel) -> str:
    return "spent: " + ", ".join(f"{name} {Duration(seconds)}" for name, seconds in record.spent_s.items())
