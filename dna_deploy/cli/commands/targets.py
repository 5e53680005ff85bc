"""``dna-deploy targets``: what can be measured here, and why the rest can't."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.general import Json


def targets(
    profiles: Annotated[Path, typer.Option(help="The folder of targets.")] = Path("profiles"),
    json: Json = False,
) -> None:
    """List the targets of this project and the runtimes of this machine, and say why some cannot be used here.

    Example: dna-deploy targets --json
    """
    from dna_deploy.errors import DnaDeployError
    from dna_deploy.latency.capabilities import capabilities, why_not
    from dna_deploy.targets.machine import governor, processor_name, usable_processors
    from dna_deploy.targets.target_file import check_target, find_target, target_names

    rows: list[tuple[object, ...]] = []
    for name in target_names(profiles):
        try:
            target = find_target(name, profiles).target
            check_target(target)
            rows.append((name, f"{target.runtime} {target.provider}", target.precision, target.threads, why_not(target)))
        except DnaDeployError as error:
            rows.append((name, "", "", "", error.message))
    runtimes = capabilities()
    if json:
        print_json(
            "targets",
            processor=processor_name(),
            usable_processors=usable_processors(),
            governor=governor(),
            targets=[{"name": row[0], "usable": not row[-1], "reason": row[-1]} for row in rows],
            runtimes=[vars(runtime) for runtime in runtimes],
        )
        return
    print_result(f"{processor_name()}, {len(usable_processors())} processors, clock governor {governor()}\n")
    table = [(*row[:-1], "no: see below" if row[-1] else "ready") for row in rows]
    print_result(aligned(table, ("target", "runtime", "precision", "threads", "here")))
    for row in rows:
        if row[-1]:
            print_result(f"\n{row[0]} cannot be used here: {row[-1]}")
    print_result("")
    lines = [(entry.runtime, entry.version.partition("-")[0], " ".join(entry.providers) or entry.reason) for entry in runtimes]
    print_result(aligned(lines, ("runtime", "version", "providers, or why it cannot run here")))
    ready = next((row[0] for row in rows if not row[-1]), None)
    if ready is not None:
        note(f"next: dna-deploy profile --space fashion --target {ready}")
