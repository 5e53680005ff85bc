"""What a fleet found, a row a device."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dna_deploy.cli.console import aligned
from dna_deploy.units import Duration

if TYPE_CHECKING:
    from dna_deploy.latency.fleet import FleetProfile

Answers = Mapping[str, "dict[str, Any] | str"]
"""By device: what it printed, or why it printed nothing."""


def profiles_view(profile: FleetProfile) -> str:
    """The devices behind each table, and those that dropped out."""
    rows = [
        (", ".join(devices), str(profiled.table_path), profiled.table.grade, profiled.run.rounds)
        for devices, profiled in profile.profiled
    ]
    return aligned([*rows, *((device, f"dropped out: {why}", "", "") for device, why in profile.lost.items())],
                   ("devices", "table", "grade", "rounds"))  # fmt: skip


def rechecks_view(answers: Answers) -> str:
    """Whether a table holds on each device."""
    rows = [
        (device, answer, "")
        if isinstance(answer, str)
        else (device, f"{answer['median_change']:+.1%}", "holds" if answer["holds"] else "does not hold")
        for device, answer in answers.items()
    ]
    return aligned(rows, ("device", "median change", "the table"))


def verifications_view(answers: Answers) -> str:
    """What a model takes on each device."""
    words = {True: "kept", False: "missed", None: "none"}
    rows = [
        (device, answer, "", "")
        if isinstance(answer, str)
        else (device, Duration(answer["measured_s"]), answer["grade"], words[answer["is_kept"]])
        for device, answer in answers.items()
    ]
    return aligned(rows, ("device", "measured", "grade", "promise"))


def values_of(answers: Answers) -> list[dict[str, Any]]:
    """The same for a program: each device's values, or its error."""
    return [
        {"device": device, **({"error": answer} if isinstance(answer, str) else _without_head(answer))}
        for device, answer in answers.items()
    ]


def _without_head(answer: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name not in ("schema_version", "command")}


def worst_of(answers: Answers, key: str) -> dict[str, Any]:
    """The values of the device that is worst by a key, as the command prints them of one device."""
    values: Sequence[dict[str, Any]] = [_without_head(answer) for answer in answers.values() if not isinstance(answer, str)]
    return max(values, key=lambda answer: abs(float(answer[key])))
