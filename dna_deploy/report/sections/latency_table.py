"""The latency table: its grade, every doubt about it with advice, how it was measured, and what is absent."""

from __future__ import annotations

from dna_deploy.errors import DnaDeployError
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.report.content import Doubts, Facts, Missing, Piece, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.numbers import TimeScale, share_text, short_digest, time_text
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.target import Target

TITLE = "The latency table"
MEANINGS = {
    "A": "as good as this machine can be measured",
    "B": "usable; mind the doubts",
    "C": "usable with care; mind the doubts",
    "D": "too unstable to plan with",
    "E": "too unstable to plan with",
    "F": "too unstable to plan with",
}


def table_section(evidence: Evidence) -> Section:
    """Every target's table, the budget's own first."""
    if not evidence.tables:
        missing = Missing("There is no latency table.", f"dna-deploy profile --space {evidence.space_name}")
        return Section("table", TITLE, "", (missing,))
    pieces: list[Piece] = []
    for table in evidence.tables:
        pieces += _pieces(table, evidence.runs_of(table))
    lead = "What every prediction in this report rests on: layers that were timed one by one on the target."
    return Section("table", TITLE, lead, tuple(pieces))


def _pieces(table: LatencyTable, runs: tuple[ProfileRun, ...]) -> list[Piece]:
    rows = tuple((doubt.grade, doubt.name, doubt.message, doubt.advice) for doubt in table.doubts)
    pieces: list[Piece] = [Doubts(f"{table.target.name}: grade {table.grade}", table.grade, MEANINGS[table.grade], rows)]
    pieces.append(
        Facts(f"How {table.target.name} was measured", (*_measured(table), *machine_facts(table.target, table.fingerprint)))
    )
    if runs:
        pieces.append(Facts("The runs", tuple(fact for run in runs for fact in _run_facts(run))))
    else:
        pieces.append(Missing(f"The profile run of {table.target.name} is not here: its samples and conditions are not known."))
    pieces.append(_calibrations(table))
    if table.absent:
        pieces.append(
            Table("Layers that could not be measured", ("layer", "why"), tuple((row.layer, row.reason) for row in table.absent))
        )
    pieces.append(_rows(table))
    return pieces


def machine_facts(target: Target, machine: Fingerprint) -> tuple[tuple[str, str], ...]:
    """What was run how, and on which machine."""
    pin = "left to the system" if target.pin is None else "processors " + ", ".join(map(str, target.pin))
    return (
        ("runtime", f"{target.runtime} {machine.runtime_version}, {target.provider}"),
        ("precision", target.precision),
        ("threads", f"{target.threads} ({pin})"),
        ("batch", str(target.batch)),
        ("processor", f"{machine.processor}, {machine.logical_processors} logical processors"),
        ("system", f"{machine.system}, governor {machine.governor}"),
    )


def _measured(table: LatencyTable) -> tuple[tuple[str, str], ...]:
    errors = sorted(row.standard_error_s / row.latency_s for row in table.rows)
    facts = [
        ("layers", f"{len(table.rows)} measured, {len(table.absent)} absent"),
        ("statistic", f"{table.statistic} of the samples of a layer"),
        ("fixed overhead of a run", f"{time_text(table.overhead_s)}, taken off every row"),
        ("a layer alone, not in a network", f"{time_text(table.seam_s)} in the middle, taken off its row"),
    ]
    if errors:
        facts.append(
            ("standard error of a row", f"median {share_text(errors[len(errors) // 2])}, worst {share_text(errors[-1])}")
        )
    facts.append(("digest", short_digest(table.digest)))
    return tuple(facts)


def _run_facts(run: ProfileRun) -> tuple[tuple[str, str], ...]:
    conditions, plan = run.conditions, run.plan
    load = (
        f"{sum(conditions.other_load) / len(conditions.other_load):.2f} processors on average"
        if conditions.other_load
        else "not known"
    )
    return (
        ("run of", f"{run.provenance.created_at} on {run.provenance.host}"),
        ("rounds", f"{run.rounds}, each {plan.warmup_runs} warm-up and {plan.runs} timed runs a layer, in random order"),
        ("time spent", time_text(conditions.seconds)),
        ("load by others", load),
        ("heat and power limits", ", ".join(conditions.throttled) or "none reported"),
        ("clock stalls, interruptions", f"{conditions.stalled_clock}, {conditions.pauses}"),
    )


def _calibrations(table: LatencyTable) -> Piece:
    if not table.calibrations:
        return Missing("The table is not calibrated on whole networks.", f"dna-deploy profile --space {table.space}")
    rows = tuple(
        (
            calibration.quantile,
            f"{calibration.scale:.4f}",
            time_text(calibration.offset_s),
            str(calibration.networks),
            share_text(calibration.relative_error, 2),
        )
        for calibration in table.calibrations
    )
    headers = ("quantile", "scale", "offset", "networks", "leave-one-out error")
    return Table("From sums of rows to latencies of networks", headers, rows, frozenset({1, 2, 3, 4}))


def _rows(table: LatencyTable) -> Table:
    scale = TimeScale.of(row.latency_s for row in table.rows)
    rows = tuple(
        (_layer(row.layer), scale.bare(row.latency_s), scale.bare(row.standard_error_s), str(row.samples))
        for row in sorted(table.rows, key=lambda row: -row.latency_s)
    )
    headers = ("layer", f"time ({scale.unit})", "± standard error", "samples")
    return Table(f"All rows of {table.target.name}, slowest first", headers, rows, frozenset({1, 2, 3}), is_folded=True)


def _layer(key: str) -> str:
    """A layer in short; its whole key where its operation is of a package that is not installed here."""
    try:
        return str(PlacedLayer.parse(key))
    except DnaDeployError:
        return key
