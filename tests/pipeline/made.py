"""Stages that do whatever a test wants, and a clock that tests turn."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.pipeline.runner import Inputs, PlannedStage, Stage, Verdict
from dna_deploy.progress import OnProgress


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True)
class MadeStage:
    """A stage of functions."""

    name: str
    summary: str
    estimate_s: float
    made_from: Callable[[], Inputs] = dict
    outputs: tuple[Path, ...] = ()
    does: Callable[[Path, OnProgress], None] = lambda work, on_progress: None

    def inputs(self) -> Inputs:
        return self.made_from()

    def run(self, work: Path, on_progress: OnProgress) -> None:
        self.does(work, on_progress)


def stage(name: str, estimate_s: float) -> Stage:
    return MadeStage(name, f"does {name}", estimate_s)


PROFILE, RATE, TRAIN = stage("profile", 30), stage("rate", 90), stage("train", 60)


def planned(*stages: Stage, kept: tuple[str, ...] = ()) -> tuple[PlannedStage, ...]:
    return tuple(PlannedStage(one, Verdict(one.name not in kept, "")) for one in stages)
