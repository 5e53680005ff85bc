"""Stages that do whatever a test wants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.pipeline.runner import Inputs
from dna_deploy.progress import OnProgress


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
