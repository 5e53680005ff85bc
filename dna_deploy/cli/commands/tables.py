"""``dna-deploy tables``: shows latency tables, checks that they still hold, compares them, makes them from raw runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.devices import Devices
from dna_deploy.cli.options.general import Json
from dna_deploy.cli.options.groups import Knobs, spread
from dna_deploy.cli.quiet import QuietableGroup, refuse_flags_before
from dna_deploy.cli.views.fleet import Answers, rechecks_view, values_of, worst_of
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings
from dna_deploy.targets.target import BYTES_OF

if TYPE_CHECKING:
    from dna_deploy.latency.oddities import Oddity
    from dna_deploy.latency.recheck import Recheck
    from dna_deploy.records.latency_table import LatencyRow, LatencyTable
    from dna_deploy.records.probe_kit import ProbeKit

app = typer.Typer(cls=QuietableGroup, invoke_without_command=True)

_Table = Annotated[Path, typer.Argument(help="A latency table.")]


@app.callback()
def tables(
    context: typer.Context,
    folder: Annotated[Path, typer.Option(help="Where latency tables are.")] = Path("latency_tables"),
    json: Json = False,
) -> None:
    """List, show, recheck, compare and make latency tables.

    Example: dna-deploy tables
    """
    if context.invoked_subcommand is not None:
        refuse_flags_before(context, context.invoked_subcommand)
        return
    from dna_deploy.errors import DnaDeployError
    from dna_deploy.records.latency_table import LatencyTable

    readable: list[tuple[Path, LatencyTable]] = []
    for path in sorted(folder.glob("*.json")):
        try:
            readable.append((path, LatencyTable.read(path)))
        except DnaDeployError as error:
            note(f"left out: {error.message}")
    if json:
        print_json("tables", tables=[_table_values(path, table) for path, table in readable])
        return
    if readable:
        headers = ("table", "layers", "grade", "off by", "made")
        print_result(aligned([_table_cells(path, table) for path, table in readable], headers))
        note(f"next: dna-deploy tables show {readable[0][0]}")
    else:
        note(f"there is no latency table in {folder} · next: dna-deploy profile --space fashion")


def _table_cells(path: Path, table: LatencyTable) -> tuple[object, ...]:
    off = next((f"{calibration.relative_error:.1%}" for calibration in table.calibrations), "unknown")
    made = table.provenance.created_at[:10]
    return path.name, len(table.rows), table.grade, off, made


def _table_values(path: Path, table: LatencyTable) -> dict[str, object]:
    return {
        "path": str(path),
        "space": table.space,
        "target": table.target.name,
        "rows": len(table.rows),
        "absent": len(table.absent),
        "grade": table.grade,
        "calibrations": [calibration.model_dump() for calibration in table.calibrations],
        "fingerprint": table.fingerprint.model_dump(),
        "created_at": table.provenance.created_at,
    }


@app.command()
def show(table: _Table, *, json: Json = False) -> None:
    """Print a table, the dearest row first, with cliffs and candidates that are never worth their time.

    Example: dna-deploy tables show latency_tables/mbconv.cpu-1thread.json
    """
    from dna_deploy.cli.views.table import about_table
    from dna_deploy.latency.oddities import cliffs, dominated
    from dna_deploy.records.latency_table import LatencyTable

    content = LatencyTable.read(table)
    rows = sorted(content.rows, key=lambda row: -row.latency_s)
    steep, lesser = cliffs(content), dominated(content)
    if json:
        print_json(
            "tables show", space=content.space, target=content.target.model_dump(),
            fingerprint=content.fingerprint.model_dump(),
            grade=content.grade, doubts=[doubt.model_dump() for doubt in content.doubts], statistic=content.statistic,
            overhead_s=content.overhead_s, seam_s=content.seam_s,
            calibrations=[part.model_dump() for part in content.calibrations],
            rows=[_row_values(row, content) for row in rows], absent=[row.model_dump() for row in content.absent],
            cliffs=[_oddity(part) for part in steep], dominated=[_oddity(part) for part in lesser],
        )  # fmt: skip
        return
    print_result(
        f"{content.space} on {content.target.name}: {content.fingerprint.processor}, {content.fingerprint.runtime_version}"
    )
    print_result(about_table(content) + "\n")
    print_result(aligned([_row_cells(row, content) for row in rows],
                         ("layer", f"latency ({content.statistic})", "error", "MACs", "weights", "activations")))  # fmt: skip
    for title, oddities in (("cliffs: fewer channels, more time", steep), ("dominated: less work, more time", lesser)):
        if oddities:
            print_result(f"\n{title}")
            print_result(
                aligned([(part.dear.placed, f"+{part.excess:.0%}", "against", part.cheap.placed) for part in oddities])
            )
    note(f"next: dna-deploy tables recheck {table}")


@app.command()
@spread
def recheck(
    table: _Table,
    *,
    kit: Annotated[Path | None, typer.Option(help="The space's probe kit; without one it is made here.")] = None,
    any_machine: Annotated[bool, typer.Option("--any-machine", help="Compare with another machine's table, too.")] = False,
    devices: Devices,
    settings: Annotated[Settings, Knobs("Options", "profile.steady")],
    json: Json = False,
) -> None:
    """Time five rows of a table again, and say whether it still holds: exit code 4 if not. Takes less than a minute.

    Example: dna-deploy tables recheck latency_tables/fashion.cpu-1thread.json

    Example: dna-deploy tables recheck latency_tables/mbconv.raspberry.json --fleet fleet.toml
    """
    from dna_deploy.errors import TableError
    from dna_deploy.latency.fleet import answers_of
    from dna_deploy.latency.recheck import LIMIT, PLAN
    from dna_deploy.latency.recheck import recheck as time_again
    from dna_deploy.records.latency_table import LatencyTable
    from dna_deploy.records.probe_kit import ProbeKit

    content = LatencyTable.read(table)
    with journey_view() as on_progress:
        probes = ProbeKit.read(kit) if kit else _kit_of(content)
        if fleet := devices.read():
            files = {"table.json": content.content(), "space.kit": probes.content()}
            flags = ("--any-machine",) if any_machine else ()
            _show_rechecks(
                answers_of(fleet, files, ("tables", "recheck", "table.json", "--kit", "space.kit", *flags)), json=json
            )
            return
        plan = PLAN.model_copy(update={"steady": settings.profile.steady})
        result = time_again(content, probes, any_machine=any_machine, plan=plan, on_progress=on_progress)
    _show_recheck(result, json=json)
    for difference in result.machine:
        note(f"another machine: {difference}")
    if not result.holds:
        raise TableError(
            f"rows take {result.median_change:+.1%} of what {table} says, beyond {LIMIT:.0%}",
            f"profile again: dna-deploy profile --space {content.space} --target {content.target.name}",
        )


def _show_rechecks(answers: Answers, *, json: bool) -> None:
    """Says of each device whether the table holds. Raises `TableError` unless it does on all."""
    from dna_deploy.errors import TableError
    from dna_deploy.latency.fleet import check_answers

    check_answers(answers)
    if json:
        print_json("tables recheck", **worst_of(answers, "median_change"), devices=values_of(answers))
    else:
        print_result(rechecks_view(answers))
    broken = [device for device, answer in answers.items() if isinstance(answer, str) or not answer["holds"]]
    if broken:
        raise TableError(f"the table does not hold on {', '.join(broken)}", "profile these devices again")


def _show_recheck(result: Recheck, *, json: bool) -> None:
    from dna_deploy.latency.recheck import LIMIT
    from dna_deploy.units import Duration

    if json:
        rows = [{"layer": row.layer, "before_s": row.alone_s, "now_s": now} for row, now in result.rows]
        print_json("tables recheck", holds=result.holds, median_change=result.median_change, limit=LIMIT,
                   machine=result.machine, rows=rows)  # fmt: skip
    else:
        times = [(row.placed, row.alone_s, now) for row, now in result.rows]
        cells = [(placed, Duration(before), Duration(now), f"{now / before - 1:+.1%}") for placed, before, now in times]
        print_result(aligned(cells, ("layer", "in the table", "now", "change")))
        print_result(f"median change {result.median_change:+.1%}: the table {'holds' if result.holds else 'does not hold'}")


@app.command()
def diff(
    before: _Table,
    after: Annotated[Path, typer.Argument(help="Another table of the same space.")],
    *,
    rows: Annotated[int, typer.Option(help="How many rows to print.", min=0)] = 15,
    json: Json = False,
) -> None:
    """Print what changed between two tables of one space, the largest change first.

    Example: dna-deploy tables diff old.json latency_tables/fashion.cpu-1thread.json
    """
    from dataclasses import asdict

    from dna_deploy.latency.difference import difference
    from dna_deploy.records.latency_table import LatencyTable
    from dna_deploy.spaces.placed import PlacedLayer
    from dna_deploy.units import Duration

    changes = difference(LatencyTable.read(before), LatencyTable.read(after))
    if json:
        print_json("tables diff", median_change=changes.median_change, **asdict(changes))
        return
    for line in changes.machine:
        print_result(f"machine  {line}")
    print_result(f"median   {changes.median_change:+.1%} over {len(changes.rows)} rows\n")
    by_operation = sorted(changes.by_operation.items(), key=lambda item: -abs(item[1]))
    print_result(aligned([(name, f"{change:+.1%}") for name, change in by_operation], ("operation", "median change")))
    cells = [
        (PlacedLayer.parse(row.layer), Duration(row.before_s), Duration(row.after_s), f"{row.change:+.1%}",
         "" if row.is_clear else "within the noise")
        for row in changes.rows[:rows]
    ]  # fmt: skip
    print_result("\n" + aligned(cells, ("layer", "before", "after", "change", "")))
    for name, layers in (("only before", changes.only_before), ("only after", changes.only_after)):
        for layer in layers:
            print_result(f"{name}: {layer}")


@app.command()
def make(
    runs: Annotated[list[Path], typer.Argument(help="Raw profile runs of one space on one machine.")],
    *,
    output: Annotated[Path | None, typer.Option("--out", "--output", "-o", help="The table; by default in --tables.")] = None,
    tables: Annotated[Path, typer.Option(help="Where latency tables go.")] = Path("latency_tables"),
    accept_noise: Annotated[bool, typer.Option("--accept-noise", help="Make the table of a noisy machine, too.")] = False,
    twins: Annotated[bool, typer.Option("--twins", help="The runs are of equal machines that shared the rows.")] = False,
    json: Json = False,
) -> None:
    """Make a table from raw runs, which together must be of one space, target and machine, or of a fleet's twins.

    Example: dna-deploy tables make profiles/cpu-1thread/runs/fashion.*.json
    """
    from dna_deploy.cli.views.table import about_table
    from dna_deploy.latency.workshop import stable_table
    from dna_deploy.records.profile_run import ProfileRun

    read = sorted((ProfileRun.read(path) for path in runs), key=lambda run: run.provenance.created_at)
    space = read[-1].find_networks()
    table = stable_table(read, space, " ".join(map(str, runs)), accept_noise=accept_noise, are_twins=twins)
    path = output or tables / f"{space.name}.{table.target.name}.json"
    table.write(path)
    if json:
        print_json("tables make", table=str(path), grade=table.grade, rows=len(table.rows), runs=len(read))
        return
    print_result(f"table   {path}\n{about_table(table)}")
    note(f"next: dna-deploy tables show {path}")


def _kit_of(table: LatencyTable) -> ProbeKit:
    from dna_deploy.export.kits.kit import KitPlan
    from dna_deploy.export.kits.kit_cache import cached_kit

    return cached_kit(table.find_networks(), KitPlan(batch=table.target.batch, precision=table.target.precision))


def _row_values(row: LatencyRow, table: LatencyTable) -> dict[str, object]:
    layer, width = row.placed, BYTES_OF[table.target.precision]
    return {
        **row.model_dump(),
        "parameters": layer.parameters,
        "macs": layer.macs,
        "weight_bytes": layer.deployed_parameters * width,
        "peak_activation_bytes": layer.peak_activation_elements * width * table.target.batch,
    }


def _row_cells(row: LatencyRow, table: LatencyTable) -> tuple[object, ...]:
    from dna_deploy.units import Bytes, Count, Duration

    layer, width = row.placed, BYTES_OF[table.target.precision]
    return (
        layer, Duration(row.latency_s), f"{row.standard_error_s / row.latency_s:.1%}", Count(layer.macs),
        Bytes(layer.deployed_parameters * width), Bytes(layer.peak_activation_elements * width * table.target.batch),
    )  # fmt: skip


def _oddity(oddity: Oddity) -> dict[str, object]:
    return {"dear": oddity.dear.layer, "cheap": oddity.cheap.layer, "excess": oddity.excess}
