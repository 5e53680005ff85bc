"""``dna-deploy profile``: times every layer of a space on a device, and makes its latency table."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.views.journey import journey_view

MEASURING = "measuring"

if TYPE_CHECKING:
    from dna_deploy.latency.fidelity import Validation
    from dna_deploy.latency.workshop import Profiled
    from dna_deploy.progress import OnProgress, Progress
    from dna_deploy.records.probe_kit import ProbeKit
    from dna_deploy.targets.target_file import TargetFile


def profile(
    kit: Annotated[
        str, typer.Argument(help="A probe kit, or ssh://user@host to profile there; without one the kit of --space is made.")
    ] = "",
    *,
    space: Annotated[str, typer.Option("--space", "-s", help="The search space, such as mbconv or mbconv@128.")] = "fashion",
    target: Annotated[str, typer.Option("--target", "-t", help="How to run it; see: dna-deploy targets")] = "cpu-1thread",
    validate: Annotated[int, typer.Option(help="Judge the table on so many whole networks it has not seen.", min=0)] = 0,
    rounds: Annotated[int | None, typer.Option(help="How often every model is visited.", min=2)] = None,
    budget: Annotated[str, typer.Option(help="Measure no longer than this, such as 60s.")] = "",
    quantile: Annotated[str, typer.Option(help="Measure often enough to plan for p50, p90 or p99.")] = "p50",
    seed: Annotated[int, typer.Option(help="Draws the whole networks of a kit made here.", min=0)] = 0,
    steady: Annotated[
        bool, typer.Option("--steady", help="Repeat what others slowed down: for a machine that is not yours alone.")
    ] = False,
    accept_noise: Annotated[bool, typer.Option("--accept-noise", help="Make the table of a noisy machine, too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be measured, and about how long.")] = False,
    remote_command: Annotated[str, typer.Option(help="What dna-deploy is called on the other machine.")] = "dna-deploy",
    profiles: Annotated[Path, typer.Option(help="Targets and raw runs.")] = Path("profiles"),
    tables: Annotated[Path, typer.Option(help="Where latency tables go.")] = Path("latency_tables"),
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Time every layer of a space on a device, and make its latency table.

    Example: dna-deploy profile --space fashion --validate 40

    Example, on a device without torch: dna-deploy profile mbconv.kit

    Example, on another machine: dna-deploy profile ssh://pi@raspberry --space mbconv --target raspberry
    """
    from dna_deploy.latency.fidelity import validate as judge
    from dna_deploy.latency.profile import check_runnable
    from dna_deploy.latency.remote import SCHEME, Remote
    from dna_deploy.latency.workshop import Folders, profile_space, profile_space_remotely
    from dna_deploy.targets.target_file import find_target

    file = _with_plan(find_target(target, profiles), rounds, budget, quantile, steady=steady)
    is_remote = kit.startswith(SCHEME)
    with journey_view() as view:
        on_progress = _announcing(view)
        if not kit:
            check_runnable(file.target, file.plan)
        probes = _kit("" if is_remote else kit, space, file, seed, validate, on_progress)
        on_space, folders = probes.manifest.find_networks(), Folders(profiles, tables)
        if dry_run:
            _print_plan(probes, file, validate, json=json)
            return
        if is_remote:
            remote = Remote.parse(kit, remote_command)
            done = profile_space_remotely(remote, probes, on_space, file, folders, validate, accept_noise=accept_noise)
        else:
            done = profile_space(probes, on_space, file, folders, validate, accept_noise=accept_noise, on_progress=on_progress)
    judged = judge(done.table, done.run, on_space) if validate else None
    if json:
        print_json("profile", **_as_json(done, judged))
    else:
        _print(done, judged)
    note(f"next: dna-deploy search --space {on_space.name} --table {done.table_path} --latency 20ms")


def _announcing(view: OnProgress) -> OnProgress:
    """Says once, before anything is measured, how long it will take."""
    is_said = False

    def on_progress(progress: Progress) -> None:
        nonlocal is_said
        if progress.step == MEASURING and not is_said:
            is_said = True
            note(f"measuring: {progress.remark}; interrupt it at any time, the same command goes on")
        view(progress)

    return on_progress


def _with_plan(file: TargetFile, rounds: int | None, budget: str, quantile: str, *, steady: bool) -> TargetFile:
    from dataclasses import replace

    from dna_deploy.records.samples import plan_for
    from dna_deploy.units import Duration

    changes: dict[str, object] = {}
    if rounds is not None:
        changes |= {"rounds": rounds, "least_s": 0.0}
    if budget:
        changes["budget_s"] = Duration.parse(budget).seconds
    if steady:
        changes["steady"] = True
    return replace(file, plan=plan_for(quantile, file.plan.model_copy(update=changes)))


def _kit(path: str, space: str, file: TargetFile, seed: int, validate: int, on_progress: OnProgress) -> ProbeKit:
    from dna_deploy.records.probe_kit import ProbeKit

    if path:
        return ProbeKit.read(Path(path))
    from dna_deploy.export.kits.kit_cache import cached_kit
    from dna_deploy.spaces.catalog import find_space
    from dna_deploy.spaces.chain import with_usual_head

    target = file.target
    of = find_space(f"{space}@{target.input_size}" if target.input_size and "@" not in space else space)
    return cached_kit(
        with_usual_head(of),
        seed,
        validation_networks=max(40, validate),
        batch=target.batch,
        precision=target.precision,
        on_progress=on_progress,
    )


def _print_plan(kit: ProbeKit, file: TargetFile, validate: int, *, json: bool) -> None:
    from dna_deploy.latency.profile import chosen_probes, estimate_profile

    probes, plan = chosen_probes(kit, validate), file.plan
    expected = estimate_profile(kit, file.target, plan, validate)
    if json:
        print_json("profile", space=kit.manifest.space, target=file.target.model_dump(), plan=plan.model_dump(),
                   models=len(probes), expected_s=expected.seconds)  # fmt: skip
        return
    print_result(f"{kit.manifest.space} on {file.target.name}: {len(probes)} models, {plan.rounds} rounds, about {expected}")


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
    from dna_deploy.cli.views.table import about_table, validation_text

    run = done.run
    print_result(f"table   {done.table_path}\nrun     {done.run_path} ({run.rounds} rounds, {run.conditions.seconds:.0f} s)")
    print_result(about_table(done.table))
    if judged is not None:
        print_result("\n" + validation_text(judged))
