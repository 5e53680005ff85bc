"""Units that shall stay as they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dna_deploy.errors import UsageError
from dna_deploy.fit.unit import Unit
from dna_deploy.plugins import suggest


def frozen(units: Sequence[Unit], names: Sequence[str]) -> tuple[Unit, ...]:
    """The units, of which those that ``names`` name, or that lie inside what is named, may not change.

    Raises:
        UsageError: a name names none.
    """
    for name in names:
        if not any(_is_in(unit, name) for unit in units):
            raise UsageError(f"--freeze {name} names no unit", suggest(name, [unit.path for unit in units]))
    return tuple(_fixed(unit) if any(_is_in(unit, name) for name in names) else unit for unit in units)


def _is_in(unit: Unit, name: str) -> bool:
    return unit.path == name or unit.path.startswith(f"{name}.")


def _fixed(unit: Unit) -> Unit:
    return replace(unit, may=(), reasons=tuple((change, "it is frozen") for change in unit.may) + unit.reasons)
