"""``dna-deploy profile``: times every layer of a space on this device, and makes its latency table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.journey_view import journey_view
from dna_deploy.errors import UsageError

if TYPE_CHECKING:
    from dna_deploy.latency.fidelity import Validation
    from dna_deploy.latency.workshop import Profiled
    from dna_deploy.records.probe_kit import ProbeKit
    from dna_deploy.targets.target_file import TargetFile


def profile(
    kit: Annotated[Path | None, typer.Argument(help="A probe kit; without one the kit of --space is made here.")] = None,
    space: Annotated[str, typer.Option("--space", "-s", help="The search space, such as mbconv or mbconv@128.")] = "",
    target: Annotated[str, typer.Option("--target", "-t", help="A folder of --profiles.")] = "cpu-1thread",
    validate: Annotated[int, typer.Option(help="Judge the table on so many whole networks it has not seen.", min=0)] = 0,
    rounds: Annotated[int | None, typer.Option(help="How often every model is visited.", min=2)] = None,
    budget: Annotated[str, typer.Option(help="Stop when this time is used up, such as 60s.")] = "",
    seed: Annotated[int, typer.Option(help="Draws the whole networks; of a kit made here.", min=0)] = 0,
    profiles: Annotated[Path, typer.Option(help="Targets and raw runs.")] = Path("profiles"),
    tables: Annotated[Path, typer.Option(help="Where latency tables go.")] = Path("latency_tables"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time every layer of a space on this device, and make its latency table.

    Example: dna-deploy profile --space fashion --validate 40
    """
    from dna_deploy.latency.fidelity import validate as judge
    from dna_deploy.latency.workshop import Folders, profile_space
    from dna_deploy.spaces.catalog import find_space
    from dna_deploy.targets.target_file import find_target

    file = _with_plan(find_target(target, profiles), rounds, budget)
    with journey_view() as on_progress:
        probes = _kit(kit, space, file, seed, validate)
        on_space = find_space(probes.manifest.space)
        folders = Folders(profiles, tables)
        done = profile_space(probes, on_space, file, folders, validation_networks=validate, on_progress=on_progress)
    judged = judge(done.table, done.run, on_space) if validate else None
    if json:
        print_json("profile", **_as_json(done, judged))
    else:
        _print(done, judged)
    note(f"next: dna-deploy search --space {on_space.name} --table {done.table_path} --latency 20ms")


def _with_plan(file: TargetFile, rounds: int | None, budget: str) -> TargetFile:
    from dataclasses import replace

    from dna_deploy.units import Duration

    changes: dict[str, object] = {}
    if rounds is not None:
        changes["rounds"] = rounds
    if budget:
        changes["budget_s"] = Duration.parse(budget).seconds
    return replace(file, plan=file.plan.model_copy(update=changes))


def _kit(path: Path | None, space: str, file: TargetFile, seed: int, validate: int) -> ProbeKit:
    from dna_deploy.records.probe_kit import ProbeKit

    if path is not None:
        return ProbeKit.read(path)
    if not space:
        raise UsageError("there is nothing to profile", "name a kit, or a space: dna-deploy profile --space fashion")
    from dna_deploy.export.kit_cache import cached_kit
    from dna_deploy.spaces.catalog import find_space

    with journey_view() as on_progress:
        return cached_kit(
            find_space(space), seed, validation_networks=max(40, validate), batch=file.target.batch, on_progress=on_progress
        )


def _as_json(done: Profiled, judged: Validation | None) -> dict[str, object]:
    from dataclasses import asdict

    table = done.table
    return {
        "space": table.space,
        "target": table.target.name,
        "table": str(done.table_path),
        "run": str(done.run_path),
        "rows": len(table.rows),
        "absent": [row.model_dump() for row in table.absent],
        "grade": table.grade,
        "doubts": [doubt.model_dump() for doubt in table.doubts],
        "calibrations": [calibration.model_dump() for calibration in table.calibrations],
        "rounds": done.run.rounds,
        "seconds": done.run.conditions.seconds,
        "validation": asdict(judged) if judged else None,
    }


def _print(done: Profiled, judged: Validation | None) -> None:
    table = done.table
    print_result(f"table  {done.table_path}  ({len(table.rows)} rows, {len(table.absent)} absent, grade {table.grade})")
    print_result(f"run    {done.run_path}  ({done.run.rounds} rounds, {done.run.conditions.seconds:.0f} s)")
    for calibration in table.calibrations:
        print_result(
            f"{calibration.quantile}    {calibration.relative_error:.1%} off on whole networks left out"
            f" ({calibration.networks} networks)"
        )
    for row in table.absent:
        note(f"absent: {row.layer}: {row.reason}")
    for doubt in table.doubts:
        note(f"{doubt.name} ({doubt.grade}): {doubt.message}; {doubt.advice}")
    if judged is not None:
        print_result("")
        print_result(_validation(judged))


def _validation(judged: Validation) -> str:
    rows = [
        (
            name,
            f"{found.mean_absolute_error:.2%}",
            f"{found.bias:+.2%}",
            f"{found.within_5_percent:.0%}",
            f"{found.within_10_percent:.0%}",
            f"{found.kendall_tau:.2f}",
            f"{found.worst_error:+.2%}",
        )
        for name, found in (
            ("the table", judged.calibrated),
            ("the table, uncalibrated", judged.raw),
            ("measuring them twice", judged.measured_twice),
        )
    ]
    title = f"{judged.calibrated.networks} networks not seen before, {judged.quantile}"
    return aligned(rows, (title, "mean error", "bias", "within 5 %", "within 10 %", "Kendall tau", "worst"))
