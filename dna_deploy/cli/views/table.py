"""Latency tables as text: how far they can be trusted, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.cli.console import aligned

if TYPE_CHECKING:
    from dna_deploy.latency.fidelity import Validation
    from dna_deploy.records.latency_table import LatencyTable


def about_table(table: LatencyTable) -> str:
    """Grade, reasons, calibration and absent rows."""
    lines = [f"grade   {table.grade} ({len(table.rows)} rows, {len(table.absent)} absent)"]
    lines += [f"doubt   {doubt.name} ({doubt.grade}): {doubt.message}; {doubt.advice}" for doubt in table.doubts]
    lines += [
        f"{calibration.quantile}     {calibration.relative_error:.1%} off on whole networks left out of its fit "
        f"({calibration.networks} networks)"
        for calibration in table.calibrations
    ]
    lines += [f"absent  {row.layer}: {row.reason}" for row in table.absent]
    return "\n".join(lines)


def validation_text(judged: Validation) -> str:
    """How well a table predicts networks that it has not seen, next to measuring them twice."""
    rows = [
        (
            name,
            f"{fidelity.mean_absolute_error:.2%}",
            f"{fidelity.bias:+.2%}",
            f"{fidelity.within_5_percent:.0%}",
            f"{fidelity.within_10_percent:.0%}",
            f"{fidelity.kendall_tau:.2f}",
            f"{fidelity.worst_error:+.2%}",
        )
        for name, fidelity in (
            ("the table", judged.calibrated),
            ("the table, uncalibrated", judged.raw),
            ("measuring them twice", judged.measured_twice),
        )
    ]
    title = f"{judged.calibrated.networks} networks not seen before, {judged.quantile}"
    return aligned(rows, (title, "mean error", "bias", "within 5 %", "within 10 %", "Kendall tau", "worst"))
