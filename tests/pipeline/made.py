"""Stages that are planned, and a clock that tests turn."""

from __future__ import annotations

from dna_deploy.pipeline.stages import PlannedStage, Stage, Verdict


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def stage(name: str, estimate_s: float) -> Stage:
    return Stage(name, f"does {name}", estimate_s, dict, (), lambda work, on_progress: None)


PROFILE, RATE, TRAIN = stage("profile", 30), stage("rate", 90), stage("train", 60)


def planned(*stages: Stage, kept: tuple[str, ...] = ()) -> tuple[PlannedStage, ...]:
    return tuple(PlannedStage(one, Verdict(one.name not in kept, "")) for one in stages)
