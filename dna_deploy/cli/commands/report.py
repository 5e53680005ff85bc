"""``dna-deploy report``: everything that was found, as one HTML page and pictures."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import note, print_json, print_result
from dna_deploy.cli.options.general import Json
from dna_deploy.cli.views.journey import journey_view

if TYPE_CHECKING:
    from dna_deploy.report.write import Written


def report(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Folders, searched for records, and record files; default: the project's run folder."),
    ] = None,
    output: Annotated[Path, typer.Option("--out", "--output", "-o", help="The HTML file.")] = Path("report.html"),
    pictures: Annotated[
        Path | None, typer.Option("--png", metavar="FOLDER", help="Where PNGs go; default: a folder beside the HTML file.")
    ] = None,
    no_png: Annotated[bool, typer.Option("--no-png", help="Write the HTML file alone.")] = False,
    json: Json = False,
) -> None:
    """Show what was found as one HTML page that needs no network, and as PNGs.

    Example: dna-deploy report runs/default -o report.html
    """
    from dna_deploy.report.write import write_report

    folder = None if no_png else pictures or output.with_name(f"{output.stem}-png")
    with journey_view() as on_progress:
        written = write_report(paths or [_project()], output, folder, on_progress)
    if json:
        print_json("report", **_as_json(written))
        return
    _print(written)
    note(f"next: open {written.html} in a browser")


def _project() -> Path:
    """The run folder that the settings in this folder name; without settings, this folder."""
    from dna_deploy.pipeline.settings_file import FILE_NAME, read_settings

    return Path(read_settings().folder) if Path(FILE_NAME).exists() else Path()


def _as_json(written: Written) -> dict[str, object]:
    return {
        "html": str(written.html),
        "pictures": [str(path) for path in written.pictures],
        "records": written.records,
        "missing": [
            {"section": title, "reason": missing.reason, "command": missing.command} for title, missing in written.missing
        ],
        "left_out": [{"file": file.name, "reason": file.reason} for file in written.left_out],
    }


def _print(written: Written) -> None:
    size = written.html.stat().st_size / 1000
    print_result(f"page      {written.html}  ({size:.0f} kB, from {written.records} records)")
    if written.pictures:
        print_result(f"pictures  {written.pictures[0].parent}/  ({len(written.pictures)} PNG files)")
    for title, missing in written.missing:
        note(f"missing: {title}: {missing.reason}" + (f" Make it with: {missing.command}" if missing.command else ""))
    for file in written.left_out:
        note(f"left out: {file.name}: {file.reason}")
