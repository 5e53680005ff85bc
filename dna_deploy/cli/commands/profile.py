"""``dna-deploy profile``: times every layer of a space on a device, and makes its latency table."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.devices import Devices
from dna_deploy.cli.options.general import MEASURING, SEED, SPACE, TARGET, Json
from dna_deploy.cli.options.groups import Knob, Knobs
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.images import CatalogSpace
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.stages.profile import Profile

MEASURING_STEP = "measuring"

PROFILING = Knobs(
    "Measuring",
    Knob("quantile", help="Measure often enough to plan for p50, p90 or p99"),
    Knob("profile.validation_networks", ("--validate",)),
    *("profile.budget", "profile.accept_noise"),
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dna_deploy.latency.fidelity import Validation
    from dna_deploy.latency.remote import Remote
    from dna_deploy.latency.workshop import Profiled
    from dna_deploy.progress import OnProgress, Progress
    from dna_deploy.records.probe_kit import ProbeKit


def profile(
    kit: Annotated[
        str, typer.Argument(help="A probe kit, or ssh://user@host to profile there; without one the kit of --space is made.")
    ] = "",
    *,
    settings: Annotated[Settings, SPACE, TARGET, SEED, MEASURING, PROFILING],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be measured, and about how long.")] = False,
    devices: Devices,
    profiles: Annotated[Path, typer.Option(help="Targets and raw runs.")] = Path("profiles"),
    tables: Annotated[Path, typer.Option(help="Where latency tables go.")] = Path("latency_tables"),
    json: Json = False,
) -> None:
    """Time every layer of a space on a device, and make its latency table.

    Example: dna-deploy profile --space fashion --validate 40

    Example, on a device without torch: dna-deploy profile mbconv.kit

    Example, on another machine: dna-deploy profile ssh://pi@raspberry --space mbconv --target raspberry

    Example, on twins that share the rows: dna-deploy profile --on ssh://pi-1 --on ssh://pi-2 --target raspberry
    """
    from dna_deploy.latency.fidelity import validate
    from dna_deploy.latency.remote import SCHEME, Remote

    fleet, remote_command = devices.read(), devices.remote_command
    stage, is_remote = _stage(settings, profiles, tables), kit.startswith(SCHEME) or bool(fleet)
    with journey_view() as view:
        on_progress = _announcing(view)
        probes = _kit("" if kit.startswith(SCHEME) else kit, stage, on_progress, check=not kit and not is_remote)
        stage = replace(stage, source=CatalogSpace(probes.manifest.find_networks()))
        if dry_run:
            _print_plan(probes, stage, json=json)
            return
        if fleet:
            _profile_fleet(fleet, stage, probes, view, json=json)
            return
        remote = Remote.parse(kit, remote_command) if kit.startswith(SCHEME) else None
        profiled = stage.measure_remotely(remote, probes) if remote else stage.measure(probes, on_progress)
    is_whole = len(probes.probes("layer")) >= len(stage.source.space.rows())  # a twin's part predicts no network
    validates = is_whole and settings.profile.validation_networks
    judged = validate(profiled.table, profiled.run, stage.source.space) if validates else None
    if json:
        print_json("profile", **_as_json(profiled, judged))
    else:
        _print(profiled, judged)
    note(f"next: dna-deploy search --space {profiled.table.space} --table {profiled.table_path} --latency 20ms")


def _profile_fleet(devices: Sequence[Remote], stage: Profile, kit: ProbeKit, view: OnProgress, *, json: bool) -> None:
    """Profiles several devices, and says what came of each."""
    from dna_deploy.cli.views.fleet import profiles_view
    from dna_deploy.latency.fleet import Fleet

    fleet = Fleet(
        devices, kit, stage.source.fitting_space, stage.target, stage.folders, stage.config.validation_networks,
        stage.accepts_noise, view,
    )  # fmt: skip
    result = fleet.profile()
    if json:
        tables = [{"devices": names, **_as_json(profiled, None)} for names, profiled in result.profiled]
        print_json("profile", space=stage.source.space.name, target=stage.target.target.name, tables=tables, lost=result.lost)
    else:
        print_result(profiles_view(result))
    result.check_complete()
    note(f"next: dna-deploy tables recheck {result.profiled[0][1].table_path} --on ...")


def _stage(settings: Settings, profiles: Path, tables: Path) -> Profile:
    """The stage that measures the space, of the size that the target wants."""
    from dna_deploy.spaces.catalog import find_space
    from dna_deploy.spaces.chain import with_usual_head
    from dna_deploy.targets.target_file import find_target

    target = settings.profile.applied_to(find_target(settings.target, profiles), settings.quantile)
    name, size = settings.space, target.target.input_size
    space = with_usual_head(find_space(f"{name}@{size}" if size and "@" not in name else name))
    table = tables / f"{space.name}.{target.target.name}.json"
    noisy = bool(settings.profile.accept_noise)
    return Profile(CatalogSpace(space), target, settings.profile, settings.seed, profiles, table, accepts_noise=noisy)


def _announcing(view: OnProgress) -> OnProgress:
    """Says once, before anything is measured, how long it will take."""
    is_said = False

    def on_progress(progress: Progress) -> None:
        nonlocal is_said
        if progress.step == MEASURING_STEP and not is_said:
            is_said = True
            note(f"measuring: {progress.remark}; interrupt it at any time, the same command goes on")
        view(progress)

    return on_progress


def _kit(path: str, stage: Profile, on_progress: OnProgress, *, check: bool) -> ProbeKit:
    from dna_deploy.latency.profile import check_runnable
    from dna_deploy.records.probe_kit import ProbeKit

    if path:
        return ProbeKit.read(Path(path))
    if check:
        check_runnable(stage.target.target, stage.target.plan)
    return stage.kit(on_progress)


def _print_plan(kit: ProbeKit, stage: Profile, *, json: bool) -> None:
    from dna_deploy.latency.profile import chosen_probes, estimate_profile

    target, plan, networks = stage.target.target, stage.target.plan, stage.config.validation_networks
    probes, expected = chosen_probes(kit, networks), estimate_profile(kit, target, plan, networks)
    if json:
        print_json("profile", space=kit.manifest.space, target=target.model_dump(), plan=plan.model_dump(),
                   models=len(probes), expected_s=expected.seconds)  # fmt: skip
        return
    print_result(f"{kit.manifest.space} on {target.name}: {len(probes)} models, {plan.rounds} rounds, about {expected}")


def _as_json(profiled: Profiled, judged: Validation | None) -> dict[str, object]:
    from dataclasses import asdict

    table = profiled.table
    return {
        "space": table.space,
        "target": table.target.name,
        "table": str(profiled.table_path),
        "run": str(profiled.run_path),
        "rows": len(table.rows),
        "absent": [row.model_dump() for row in table.absent],
        "grade": table.grade,
        "doubts": [doubt.model_dump() for doubt in table.doubts],
        "calibrations": [calibration.model_dump() for calibration in table.calibrations],
        "rounds": profiled.run.rounds,
        "seconds": profiled.run.conditions.seconds,
        "validation": asdict(judged) if judged else None,
    }


def _print(profiled: Profiled, judged: Validation | None) -> None:
    from dna_deploy.cli.views.table import about_table, validation_text

    run = profiled.run
    print_result(
        f"table   {profiled.table_path}\nrun     {profiled.run_path} ({run.rounds} rounds, {run.conditions.seconds:.0f} s)"
    )
    print_result(about_table(profiled.table))
    if judged is not None:
        print_result("\n" + validation_text(judged))
