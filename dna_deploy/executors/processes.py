"""Spreads tasks over processes of this machine. Each gets the shared part of a job once, through a pipe."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from dna_deploy.errors import DnaDeployError, UsageError
from dna_deploy.executors.executor import ATTEMPTS, Demand, Job, OnResult, SumOfSteps, set_worker_number, unheard
from dna_deploy.executors.here import Here
from dna_deploy.progress import OnProgress, Progress

_POLL_SECONDS = 0.1
_GRACE_SECONDS = 10


class LocalProcesses:
    """So many processes as the place says, such as ``4``, or as the demand does; one is this process."""

    def __init__(self, place: str, demand: Demand) -> None:
        if place and not (place.isdecimal() and int(place)):
            raise UsageError(f"{place!r} is no number of processes", "write it like --on processes:4")
        self.slots = int(place or demand.jobs)

    def run(
        self, job: Job[Any, Any, Any], items: Sequence[Any], on_progress: OnProgress, on_result: OnResult = unheard
    ) -> list[Any]:
        count = min(self.slots, len(items))
        if count <= 1:
            return Here().run(job, items, on_progress, on_result)
        return _Crew(job, count, len(items)).run(items, on_progress, on_result)


class _Crew:
    """Workers, each attended by a thread of this process: they wait, the main thread tells."""

    def __init__(self, job: Job[Any, Any, Any], count: int, tasks: int) -> None:
        self._job, self._tasks = job, tasks
        self._workers = [_Worker(job, number) for number in range(count)]
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        for worker in self._workers:
            self._idle.put(worker)
        self._words: SimpleQueue[tuple[int, Progress]] = SimpleQueue()
        self._steps = SumOfSteps(tasks)
        self._is_over = threading.Event()

    def run(self, items: Sequence[Any], on_progress: OnProgress, on_result: OnResult) -> list[Any]:
        with ThreadPoolExecutor(len(self._workers)) as threads:
            results = [threads.submit(self._attend, number, item) for number, item in enumerate(items)]
            try:
                self._listen(results, on_progress, on_result)
            except KeyboardInterrupt:
                self._cancel(results)
                wait(results, _GRACE_SECONDS)  # Ctrl-C reaches them as well, and they save where they are
                raise
            finally:
                self._cancel(results)
                for worker in self._workers:
                    worker.close()
        return [result.result() for result in results]

    def _cancel(self, results: Sequence[Future[Any]]) -> None:
        self._is_over.set()
        for result in results:
            result.cancel()

    def _listen(self, results: Sequence[Future[Any]], on_progress: OnProgress, on_result: OnResult) -> None:
        is_over, pending = False, dict(enumerate(results))
        while not is_over:
            is_over = not wait(results, _POLL_SECONDS).not_done  # asked first, so that no last word is lost
            while not self._words.empty():
                on_progress(self._steps.add(*self._words.get()))
            for number in [number for number, result in pending.items() if result.done()]:
                on_result(number, pending.pop(number).result())

    def _attend(self, number: int, item: Any) -> Any:
        worker = self._idle.get()
        try:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return worker.call(item, lambda progress: self._words.put((number, progress)))
                except BrokenProcessPool:
                    if self._is_over.is_set():
                        raise
                    worker.restart()
                    text = f"a process ended in the middle of {self._job.what} {number + 1} of {self._tasks}"
                    if attempt < ATTEMPTS:
                        self._words.put((number, Progress(self._job.what, 0, 1, notice=f"{text}, which is tried again")))
            raise DnaDeployError(f"{text}, {ATTEMPTS} times", "out of memory? try fewer --jobs")
        finally:
            self._steps.finish(number)
            self._idle.put(worker)


class _Worker:
    """A process of its own. Words come up a line; when the line is cut, also by a death at this end, the process ends."""

    def __init__(self, job: Job[Any, Any, Any], number: int) -> None:
        self._begin = partial(_begin, job, number)
        self.restart()

    def restart(self) -> None:
        """Leaves the process that was there, if any, for a new one."""
        context = multiprocessing.get_context("spawn")  # a fork would inherit threads and locks
        self._line, self._far_end = context.Pipe()
        self._pool = ProcessPoolExecutor(1, context, self._begin, (self._far_end,))

    def call(self, item: Any, hear: Callable[[Progress], None]) -> Any:
        """The result of a task.

        Raises:
            BrokenProcessPool: the process died.
        """
        result = self._pool.submit(_perform, item)
        while not result.done() or self._line.poll():
            if self._line.poll(_POLL_SECONDS):
                hear(self._line.recv())
        return result.result()

    def close(self) -> None:
        """Ends the process."""
        self._line.close()
        self._far_end.close()
        self._pool.shutdown(cancel_futures=True)


_perform_here: list[Callable[[Any], Any]] = []
"""In a process that was started here: what it does with an item."""


def _begin(job: Job[Any, Any, Any], number: int, line: Connection) -> None:
    """The first thing that a process does. Trainings see Ctrl-C by themselves; between them it is its starter's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    set_worker_number(number)
    _perform_here.append(lambda item: job.task(job.shared, item, line.send))
    threading.Thread(target=_end_with, args=(line,), daemon=True).start()


def _perform(item: Any) -> Any:
    return _perform_here[0](item)


def _end_with(line: Connection) -> None:
    """A starter that is killed takes this process along: two writers in one folder would spoil each other's files."""
    with suppress(EOFError, OSError):
        line.recv()  # nothing is ever sent down
    os._exit(1)
