"""How long a journey still takes: the estimates of its stages, corrected by what the stages behind it really took."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from dna_deploy.pipeline.runner import JourneyEvent, StageEvent
from dna_deploy.progress import Progress

_TRUST_S = 30.0
"""Seconds of estimate that count as confirmed from the start, so that one short stage does not overthrow the rest."""

_MOST = 3.0
"""So many times its estimate, or its part, a stage tells of the others at most: a profile may wait for others to be quiet."""

_ENOUGH = 0.05
"""The share of a step after which its speed says something: first steps load and compile."""


@dataclass(frozen=True)
class _Step:
    """The step at work: where it was when it was first heard of, and where it is."""

    name: str = ""
    since: float = 0.0
    first: int = 0
    done: int = 0
    total: int = 0

    def left_s(self, now: float) -> float:
        """How long it needs at its own speed, once it has one."""
        passed = self.done - self.first
        return (now - self.since) * (self.total - self.done) / passed if passed > _ENOUGH * self.total else 0.0


class TimeLeft:
    """Hears what `run_stages` tells, and knows what is left.

    A stage to come takes its estimate times the pace so far: what stages took over what they were thought to take. The one
    at work takes at least as long as its step does at its own speed, which counts as soon as it is more than was thought.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._due: Mapping[str, float] = MappingProxyType({})
        self._since = clock()
        self._now: str | None = None
        self._step = _Step()
        self._thought_s = self._took_s = _TRUST_S

    def __call__(self, event: JourneyEvent) -> None:
        """Takes note of an event."""
        match event:
            case Progress():
                self._hear_step(event)
            case StageEvent():
                self._hear_stage(event)
            case _:
                self._due = {step.stage.name: step.estimate_s for step in event if step.verdict.is_due}
                self._thought_s = self._took_s = _TRUST_S
                for step in event:
                    if step.took_s:
                        self._learn(step.stage.estimate_s, step.took_s)

    @property
    def seconds(self) -> float:
        """What is left of all stages, or of the step where there are none; 0 where nothing can be said."""
        to_come = sum(estimate_s for name, estimate_s in self._due.items() if name != self._now)
        return to_come * self.pace + self._of_stage()

    @property
    def pace(self) -> float:
        """How long a second of the estimates really takes."""
        thought_s = self._due.get(self._now or "", 0.0)
        now = self._clock()
        takes_s = min(now - self._since + self._step.left_s(now), thought_s * _MOST)
        if takes_s <= thought_s:
            return self._took_s / self._thought_s
        return (self._took_s + takes_s) / (self._thought_s + thought_s)

    def _of_stage(self) -> float:
        now = self._clock()
        thought_s = self._due.get(self._now or "", 0.0) * self.pace
        return max(0.0, thought_s - (now - self._since), self._step.left_s(now))

    def _hear_stage(self, event: StageEvent) -> None:
        name, self._step = event.stage.name, _Step()
        rest = {other: estimate_s for other, estimate_s in self._due.items() if other != name}
        if event.kind == "started":
            self._now, self._since = name, self._clock()
            self._due = {**rest, name: event.stage.estimate_s}
            return
        self._now, self._due = None, rest
        if event.kind == "finished":
            self._learn(event.stage.estimate_s, event.seconds)

    def _learn(self, thought_s: float, took_s: float) -> None:
        """What a finished stage says of the pace."""
        self._thought_s += thought_s
        self._took_s += min(max(took_s, thought_s / _MOST), thought_s * _MOST)

    def _hear_step(self, heard: Progress) -> None:
        known = self._step if self._step.name == heard.step else _Step(heard.step, self._clock(), heard.done)
        self._step = replace(known, done=heard.done, total=heard.total)


def in_words(seconds: float) -> str:
    """A time as a person says it who does not know it exactly: ``40 s``, ``3 min``, ``1 h 20 min``."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    tens = round(minutes, -1) if minutes >= 180 else minutes
    return f"{tens // 60} h {tens % 60} min" if tens % 60 else f"{tens // 60} h"
