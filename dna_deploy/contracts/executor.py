"""What a place where tasks run must keep: results in order, errors as they were, and a dead worker's task tried again."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from dna_deploy.errors import DnaDeployError, UsageError
from dna_deploy.executors.executor import Demand, Executor, Job, carry_out, find_executor
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import write_atomically
from dna_deploy.records.folder_lock import folder_lock


def scaled(factor: int, number: int, on_progress: OnProgress) -> int:
    """A task of three steps."""
    for step in range(1, 4):
        on_progress(Progress("counting", step, 3, f"at {step}"))
    return factor * number


def refused(factor: int, number: int, on_progress: OnProgress) -> int:
    """A task that meets what a user can cause."""
    if number == factor:
        raise DnaDeployError(f"{number} cannot be", "take another")
    return number


def dying(folder: Path, number: int, on_progress: OnProgress) -> int:
    """A task whose worker is killed when it is tried first, as by a system that has no memory left."""
    tried = folder / f"tried-{number}"
    if number == 1 and not tried.exists():
        write_atomically(tried, b"")
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def doomed(folder: Path, number: int, on_progress: OnProgress) -> int:
    """A task that kills its worker whenever it is tried."""
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


class ExecutorContract:
    """Inherit it; name an address, and say whether workers are processes of their own."""

    address: str
    has_workers = True

    @cached_property
    def executor(self) -> Executor:
        """The executor for small tasks."""
        return find_executor(self.address, Demand(2 if self.has_workers else 1))

    def test_results_come_in_the_order_of_the_items(self) -> None:
        assert self._run(scaled, 3, range(5)) == [0, 3, 6, 9, 12], "not the result of every item in its place"
        assert self._run(scaled, 3, []) == [], "no items, no results"

    def test_every_result_is_heard_of_once(self) -> None:
        heard: list[tuple[int, int]] = []
        self.executor.run(Job("tiny task", scaled, 3), range(4), silent, lambda number, result: heard.append((number, result)))
        assert sorted(heard) == [(0, 0), (1, 3), (2, 6), (3, 9)], "a driver that is killed would have lost results"

    def test_what_tasks_tell_adds_up(self) -> None:
        heard: list[Progress] = []
        self._run(scaled, 3, range(5), heard)
        last = [progress for progress in heard if progress.step == "counting"][-1]
        assert (last.done, last.total) == (last.total, last.total), f"it ended at {last.done} of {last.total}"

    def test_an_error_arrives_as_it_was(self) -> None:
        try:
            self._run(refused, 1, range(3))
        except DnaDeployError as error:
            assert (error.message, error.hint) == ("1 cannot be", "take another"), "another message or hint"
        else:
            raise AssertionError("the error of a task was lost")

    def test_a_task_whose_worker_was_killed_is_tried_again(self) -> None:
        if not self.has_workers:
            return
        with tempfile.TemporaryDirectory() as folder:
            assert self._run(dying, Path(folder), range(3)) == [0, 1, 2], "a killed worker took its task along"

    def test_a_task_that_always_kills_its_worker_ends_with_one_line(self) -> None:
        if not self.has_workers:
            return
        try:
            self._run(doomed, Path(), range(3))
        except DnaDeployError as error:
            assert "tiny task 2" in error.message, f"which task was it? {error.message}"
        else:
            raise AssertionError("a task that never ended has a result")

    def test_two_drivers_do_not_work_in_one_folder(self) -> None:
        with tempfile.TemporaryDirectory() as folder, folder_lock(Path(folder)):
            try:
                carry_out(self.executor, Job("tiny task", scaled, 3, Path(folder)), [1])
            except UsageError as error:
                assert "another run is at work" in error.message, error.message
            else:
                raise AssertionError("two drivers worked in one folder")

    def _run(self, task: Any, shared: Any, items: Sequence[int], heard: list[Progress] | None = None) -> list[Any]:
        folder = shared if isinstance(shared, Path) and shared.is_absolute() else None
        return carry_out(self.executor, Job("tiny task", task, shared, folder), items, ([] if heard is None else heard).append)
