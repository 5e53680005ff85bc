"""``dna-deploy units``: which parts of one's own model can be replaced, and how much of its time they take."""

from __future__ import annotations

from collections import defaultdict
from textwrap import fill
from typing import TYPE_CHECKING, Annotated

import typer

from dna_deploy.cli.console import WIDTH, aligned, note, print_json, print_result
from dna_deploy.cli.options.general import Json
from dna_deploy.cli.options.model import MODEL
from dna_deploy.cli.views.journey import journey_view
from dna_deploy.pipeline.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from dna_deploy.fit.timing import UnitTimes
    from dna_deploy.fit.unit import Unit
    from dna_deploy.fit.units import Found

_LITTLE = 0.5
"""Of the time: if less is in units, it is said what stands in the way."""

_REFUSED = 5


def units(
    *,
    settings: Annotated[Settings, MODEL],
    threads: Annotated[int, typer.Option(help="Of the processor, to time with.", min=1)] = 1,
    seconds: Annotated[float, typer.Option(help="About how long to time.", min=0.1)] = 5.0,
    json: Json = False,
) -> None:
    """List the units of a model: the parts that can be replaced, their time, and what may change.

    Example: dna-deploy units --model timm:resnet50

    Example, of one's own: dna-deploy units --model my_net.py:build --input 3x160x160 --freeze stem
    """
    from dna_deploy.fit.freezing import frozen
    from dna_deploy.fit.timing import time_units
    from dna_deploy.fit.units import find_units

    own = settings.model.open(trained=False)
    found = find_units(own.network, own.input)
    listed = frozen(found.network.units, settings.model.freeze)
    with journey_view() as on_progress:
        times = time_units(found.network, listed, own.input, seconds=seconds, threads=threads, on_progress=on_progress)
    for remark in own.remarks:
        note(remark)
    if json:
        print_json("units", **_as_json(own.name, str(own.input), listed, found, times))
        return
    print_result(aligned([_row(unit, times) for unit in listed], ("unit", "class", "shapes", "ms", "share", "may change")))
    lines = (*_reasons(listed), _timing(times), *_summary(listed, found, times))
    print_result("\n".join(fill(line, WIDTH, break_on_hyphens=False, subsequent_indent="  ") for line in lines))


def _row(unit: Unit, times: UnitTimes) -> tuple[str, ...]:
    shapes = str(unit.input) if unit.input == unit.output else f"{unit.input} -> {unit.output}"
    spent, share = times.units[unit.path], times.share((unit.path,))
    return unit.path, unit.kind, shapes, f"{spent.seconds * 1e3:.2f}", f"{share:.1%}", " ".join(unit.may) or "-"


def _reasons(units: Sequence[Unit]) -> list[str]:
    """One line for every reason why something may not change."""
    paths = defaultdict[tuple[str, str], list[str]](list)
    for unit in units:
        for change, reason in unit.reasons:
            paths[change, reason].append(unit.path)
    return [f"no {change}, since {reason}: {', '.join(names)}" for (change, reason), names in paths.items()]


def _timing(times: UnitTimes) -> str:
    how = f"timed by torch on this machine, {times.threads} thread(s), medians of {times.rounds} rounds"
    return f"{how}: {times.rest} outside units"


def _summary(units: Sequence[Unit], found: Found, times: UnitTimes) -> list[str]:
    free = [unit.path for unit in units if unit.may]
    share, lines = times.share(free), list[str]()
    if share < _LITTLE:
        lines += [f"{path} is no unit: {reason}" for path, reason in found.refused[:_REFUSED]]
        lines.append("what stands in the way becomes units if its blocks are modules that take and return one tensor")
    reach = f"{share:.0%} of its {times.whole} is in {len(free)} replaceable units"
    return [*lines, f"{reach}; the fastest reachable took {times.fastest}"]


def _as_json(name: str, input: str, units: Sequence[Unit], found: Found, times: UnitTimes) -> dict[str, object]:
    rows = [
        {"path": unit.path, "class": unit.kind, "input": str(unit.input), "output": str(unit.output), "stage": unit.stage,
         "is_cut": unit.is_cut, "seconds": times.units[unit.path].seconds, "share": times.share((unit.path,)),
         "may": list(unit.may), "reasons": dict(unit.reasons)}
        for unit in units
    ]  # fmt: skip
    return {
        "model": name,
        "input": input,
        "units": rows,
        "refused": [{"path": path, "reason": reason} for path, reason in found.refused],
        "timed_with": "torch",
        "threads": times.threads,
        "rounds": times.rounds,
        "whole_s": times.whole.seconds,
        "rest_s": times.rest.seconds,
        "fastest_s": times.fastest.seconds,
        "replaceable_share": times.share([unit.path for unit in units if unit.may]),
    }
