"""Runs tasks that know nothing of each other, in whatever order and place: results are those of one process.

A task is tried again elsewhere when its worker dies. What a task must not lose it keeps in the folder of its job, where it
finds it again; so the same command goes on after a kill. Nothing else is shared.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from dna_deploy.executors import EXECUTORS
from dna_deploy.plugins import load_plugin
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.folder_lock import folder_lock

ATTEMPTS = 3
"""How often a task is tried whose worker dies."""

SharedT = TypeVar("SharedT")
ItemT = TypeVar("ItemT")
ResultT = TypeVar("ResultT")
OnResult = Callable[[int, Any], None]
"""Hears, in the driver, of every task that has finished: its number, and what it gave."""


def unheard(number: int, result: object) -> None:
    """An `OnResult` that keeps nothing."""


@dataclass(frozen=True)
class Demand:
    """What one task takes, and how many run at once in a place that does not say it itself."""

    jobs: int = 1
    threads: int = 1
    gpus: int = 0


@dataclass(frozen=True)
class Job(Generic[SharedT, ItemT, ResultT]):
    """What is done with each of some items: a function of a module, so that every worker finds it.

    ``shared`` reaches a worker once, ``folder`` is where tasks keep what they make; ``what`` names one of them in messages.
    """

    what: str
    task: Callable[[SharedT, ItemT, OnProgress], ResultT]
    shared: SharedT
    folder: Path | None = None


class Executor(Protocol):
    """A place where tasks run."""

    def __init__(self, place: str, demand: Demand) -> None:
        """Nothing is started or reached yet.

        Args:
            place: what stands behind the colon of its address, such as ``4`` in ``processes:4``.
            demand: what a task takes.

        Raises:
            UsageError: there is no such place.
        """

    @property
    def slots(self) -> int:
        """How many tasks run at once.

        Raises:
            UsageError: nobody answers there.
            DependencyError: its package is not installed.
        """

    def run(
        self, job: Job[Any, Any, Any], items: Sequence[Any], on_progress: OnProgress, on_result: OnResult = unheard
    ) -> list[Any]:
        """The result of every item, in their order; what tasks tell is added up (`SumOfSteps`).

        ``on_result`` hears of each as soon as it is there, so that a killed driver has it already.

        Raises:
            DnaDeployError: what a task met first, or that its worker died too often. The others stop.
            KeyboardInterrupt: after Ctrl-C; tasks that can save where they are.
        """


def find_executor(address: str, demand: Demand) -> Executor:
    """The executor at an address such as ``here``, ``processes:4``, ``ray:local`` or ``ray://head:10001``.

    Raises:
        UsageError: there is none of that name, or no such place.
        DependencyError: its package is not installed.
    """
    name, _, place = address.partition(":")
    kind: type[Executor] = load_plugin("executor", name, EXECUTORS, Executor)
    return kind(place, demand)


def carry_out(
    executor: Executor,
    job: Job[Any, ItemT, ResultT],
    items: Sequence[ItemT],
    on_progress: OnProgress = silent,
    on_result: Callable[[int, ResultT], None] = unheard,
) -> list[ResultT]:
    """The result of every item. One driver at a time works in the folder of a job.

    Raises:
        UsageError: another one does.
    """
    if job.folder is None:
        return executor.run(job, items, on_progress, on_result)
    with folder_lock(job.folder):
        return executor.run(job, items, on_progress, on_result)


@dataclass
class SumOfSteps:
    """The steps of many tasks as one. Those that have not begun a step are taken to be as long as the others."""

    tasks: int
    _latest: dict[str, dict[int, Progress]] = field(default_factory=dict)
    _finished: set[int] = field(default_factory=set)

    def finish(self, number: int) -> None:
        """Task ``number`` tells no more: what it found finished it did not count."""
        self._finished.add(number)

    def add(self, number: int, progress: Progress) -> Progress:
        """Where all stand once task ``number`` has told where it is: in the first step that is not over everywhere."""
        self._latest.setdefault(progress.step, {})[number] = progress
        sums = {step: self._sum(latest) for step, latest in self._latest.items()}
        step = next((step for step, (finished, total) in sums.items() if finished < total), progress.step)
        return Progress(step, *sums[step], progress.remark, progress.notice)

    def _sum(self, latest: Mapping[int, Progress]) -> tuple[int, int]:
        """What is done of a step, and of how much."""
        finished = sum(each.total if task in self._finished else each.done for task, each in latest.items())
        total = sum(each.total for each in latest.values())
        return finished, total + round(total / len(latest) * (self.tasks - len(latest.keys() | self._finished)))


_number = 0


def worker_number() -> int:
    """Which worker of this machine runs this: a GPU is chosen by it. 0 wherever no executor says otherwise."""
    return _number


def set_worker_number(number: int) -> None:
    """Called by an executor in a process that it has started."""
    global _number  # noqa: PLW0603
    _number = number
