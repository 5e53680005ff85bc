"""Runs stages in order. A stage is skipped while its inputs and outputs are what they were; otherwise it says why it runs.

What a stage has finished is written down after each one, so a kill at any moment costs the stage in flight, and that
stage resumes inside its own work folder, which is named after its inputs.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Protocol, TypeAlias

from pydantic import Field

from dna_deploy.errors import TableError, UsageError
from dna_deploy.plugins import suggest
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.files import Provenance, Record, digest_of, read_bytes
from dna_deploy.records.folder_lock import folder_lock


@dataclass(frozen=True)
class Computed:
    """An input that costs time to compute, such as the digest of a data set, and the settings that it depends on.

    A plan does not compute it: where these settings are what they were, it takes the input as it was.
    """

    settings: str
    compute: Callable[[], str]


Inputs: TypeAlias = Mapping[str, "str | Computed"]


class Stage(Protocol):
    """One step of a journey. Making one, its inputs and its estimate import nothing heavy and load no data."""

    @property
    def name(self) -> str:
        """Names it in its folder."""

    @property
    def summary(self) -> str:
        """What it does, in a few words."""

    @property
    def estimate_s(self) -> float:
        """About how long it takes."""

    @property
    def outputs(self) -> tuple[Path, ...]:
        """What it leaves for later stages and for people."""

    def inputs(self) -> Inputs:
        """What its outputs depend on, by name."""

    def run(self, work: Path, on_progress: OnProgress) -> None:
        """Makes the outputs; ``work`` is a folder of its own for these very inputs, in which it resumes."""


class FinishedStage(Record):
    """What a stage was made from and what it made."""

    KIND: ClassVar[str] = "finished-stage"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar = {1: lambda body: {**body, "settings": {}}}

    provenance: Provenance
    stage: str
    inputs: dict[str, str]
    settings: dict[str, str] = Field(description="of inputs that were computed: what they were computed from")
    outputs: dict[str, str]
    seconds: float


@dataclass(frozen=True)
class Verdict:
    """Whether a stage has to run, and why."""

    is_due: bool
    why: str


@dataclass(frozen=True)
class StageEvent:
    """A stage begins, is skipped, or ends."""

    stage: Stage
    kind: str
    why: str
    seconds: float = 0.0


@dataclass(frozen=True)
class PlannedStage:
    """What a run would do with a stage, and for about how long."""

    stage: Stage
    verdict: Verdict
    took_s: float = 0.0
    """How long it took when it was finished; 0 where it is due."""

    @property
    def estimate_s(self) -> float:
        return self.stage.estimate_s if self.verdict.is_due else 0.0


Plan: TypeAlias = tuple[PlannedStage, ...]
JourneyEvent: TypeAlias = StageEvent | Progress | Plan
OnEvent: TypeAlias = Callable[[JourneyEvent], None]


def run_stages(
    stages: Sequence[Stage], folder: Path, on_event: OnEvent, *, start_from: str | None = None, only: str | None = None
) -> None:
    """Runs every stage that is due.

    Args:
        stages: in order; a stage's inputs may read what earlier ones wrote.
        folder: the run folder; holds what was finished and the work folders.
        on_event: hears of the plan, then of stages and of the progress inside them.
        start_from: this stage and all after it run even if nothing changed.
        only: run this stage alone.

    Raises:
        UsageError: an unknown stage name, or another process runs in the folder.
    """
    forced = _forced(stages, start_from, only)
    with folder_lock(folder):
        on_event(plan(stages, folder, start_from=start_from, only=only))
        for stage in stages:
            if only not in (None, stage.name):
                continue
            verdict = Verdict(is_due=True, why="asked for") if stage.name in forced else judge(stage, folder)
            if verdict.is_due:
                _run(stage, folder, verdict.why, on_event)
            else:
                on_event(StageEvent(stage, "skipped", verdict.why))


def plan(stages: Sequence[Stage], folder: Path, *, start_from: str | None = None, only: str | None = None) -> Plan:
    """What `run_stages` would do now. Behind the first stage that is due, nothing can be known to be up to date."""
    forced, planned, is_any_due = _forced(stages, start_from, only), [], False
    for stage in stages:
        if only not in (None, stage.name):
            continue
        if stage.name in forced:
            verdict = Verdict(is_due=True, why="asked for")
        else:
            verdict = Verdict(is_due=True, why="an earlier stage runs") if is_any_due else judge(stage, folder, is_plan=True)
        is_any_due |= verdict.is_due
        planned.append(PlannedStage(stage, verdict, 0.0 if verdict.is_due else seconds_of(stage, folder)))
    return tuple(planned)


def _forced(stages: Sequence[Stage], start_from: str | None, only: str | None) -> tuple[str, ...]:
    """The stages that run even if nothing changed."""
    names = [stage.name for stage in stages]
    if start_from is not None and only is not None:
        raise UsageError(f"both --from {start_from} and --only {only} are given", "give one of them")
    for name in filter(None, (start_from, only)):
        if name not in names:
            raise UsageError(f"unknown stage {name!r}", suggest(name, names))
    if only is not None:
        return (only,)
    return tuple(names[names.index(start_from) :]) if start_from is not None else ()


def judge(stage: Stage, folder: Path, *, is_plan: bool = False) -> Verdict:
    """Whether a stage has to run: its inputs differ from last time's, or its outputs are not what it left.

    For a plan nothing is computed: inputs are taken as they were, if what they are computed from is.
    """
    path = _record_path(folder, stage)
    try:
        finished = FinishedStage.read(path)
    except TableError as error:
        return Verdict(is_due=True, why=error.message if path.exists() else "not finished before")
    inputs = _as_they_were(stage.inputs(), finished) if is_plan else computed(stage.inputs())
    for name in sorted(inputs.keys() | finished.inputs.keys()):
        if inputs.get(name) != finished.inputs.get(name):
            return Verdict(is_due=True, why=_difference(name, finished.inputs.get(name), inputs.get(name)))
    for path in stage.outputs:
        if not path.exists():
            return Verdict(is_due=True, why=f"{path.name} is missing")
        if digest_of(read_bytes(path, "output")) != finished.outputs.get(path.name):
            return Verdict(is_due=True, why=f"{path.name} was changed")
    return Verdict(is_due=False, why="unchanged")


def seconds_of(stage: Stage, folder: Path) -> float:
    """How long a finished stage took, in the run that finished it."""
    return FinishedStage.read(_record_path(folder, stage)).seconds


def _run(stage: Stage, folder: Path, why: str, on_event: OnEvent) -> None:
    inputs = computed(stage.inputs())
    work = work_folder(folder, stage.name, inputs)
    on_event(StageEvent(stage, "started", why))
    began = time.monotonic()
    stage.run(work, on_event)
    seconds = time.monotonic() - began
    settings = {name: value.settings for name, value in stage.inputs().items() if isinstance(value, Computed)}
    outputs = {path.name: digest_of(read_bytes(path, "output")) for path in stage.outputs}
    record = FinishedStage(
        provenance=Provenance.now(),
        stage=stage.name,
        inputs=inputs,
        settings=settings,
        outputs=outputs,
        seconds=round(seconds, 3),
    )
    record.write(_record_path(folder, stage))
    on_event(StageEvent(stage, "finished", why, seconds))


def computed(inputs: Inputs) -> dict[str, str]:
    """Inputs with all that has to be computed."""
    return {name: value.compute() if isinstance(value, Computed) else value for name, value in inputs.items()}


def _as_they_were(inputs: Inputs, finished: FinishedStage) -> dict[str, str]:
    def as_it_was(name: str, value: str | Computed) -> str:
        if not isinstance(value, Computed):
            return value
        is_as_it_was = finished.settings.get(name, value.settings) == value.settings
        return finished.inputs.get(name, "") if is_as_it_was else "of other settings"

    return {name: as_it_was(name, value) for name, value in inputs.items()}


def work_folder(folder: Path, name: str, inputs: Mapping[str, str]) -> Path:
    """Where a stage works, and resumes, for these inputs."""
    return folder / "work" / f"{name}-{digest_of(json.dumps(dict(inputs), sort_keys=True).encode())[7:15]}"


def _record_path(folder: Path, stage: Stage) -> Path:
    return folder / "stages" / f"{stage.name}.json"


def _difference(name: str, before: str | None, now: str | None) -> str:
    shown = [value if value is None or len(value) <= 24 else value[:19] for value in (before, now)]
    return f"{name} changed: {shown[0]} -> {shown[1]}"
