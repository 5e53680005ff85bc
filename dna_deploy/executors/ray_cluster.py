"""Runs tasks on a Ray cluster, which schedules them, tries those of dead workers again and carries results.

The shared part of a job goes through Ray's object store, once a node. Files that tasks keep lie in the job's folder, which all
nodes must see under the same name: a shared file system.
"""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from uuid import uuid4

from dna_deploy.errors import DnaDeployError, OutOfMemoryError, UsageError
from dna_deploy.executors.executor import ATTEMPTS, Demand, Job, OnResult, SumOfSteps, unheard
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.files import write_atomically

_POLL_SECONDS = 0.2
_WORD_EVERY_S = 0.5
_ANSWER_SECONDS = 5.0
_GRACE_SECONDS = 10.0
_MARK = ".driver"
_ALIKE = ("dna-deploy", "torch", "torchvision", "numpy")
"""Packages on whose versions results depend."""


class RayCluster:
    """``local``: a cluster on this machine; ``//HOST:PORT``: one elsewhere, by Ray's client; ``HOST:PORT``: one that this
    machine is a node of.
    """

    def __init__(self, place: str, demand: Demand) -> None:
        self._place, self._demand = place, demand
        if place != "local" and not _port(place):
            raise UsageError(f"{place!r} is no address of a cluster", "write --on ray:local, or like --on ray://head:10001")

    @property
    def slots(self) -> int:
        """As many as there are GPUs, or processors for threads."""
        resources = _connected(self._place, self._demand).cluster_resources()
        count = int(resources.get("GPU", 0)) if self._demand.gpus else int(resources.get("CPU", 0)) // self._demand.threads
        if not count:
            what = "GPU" if self._demand.gpus else f"{self._demand.threads} processors"
            raise UsageError(f"the cluster at {self._place} has no {what} for a task", "add nodes, or ask for less")
        return count

    def run(
        self, job: Job[Any, Any, Any], items: Sequence[Any], on_progress: OnProgress, on_result: OnResult = unheard
    ) -> list[Any]:
        slots, ray = self.slots, _connected(self._place, self._demand)
        from ray.util.queue import Queue

        lasting = {"num_cpus": 0, "max_restarts": -1, "max_task_retries": -1}
        words = Queue(actor_options=lasting)
        origin = _Origin.of(job.folder)
        on_progress(Progress(job.what, 0, 1, notice=_way(job, slots, self._place)))
        task = ray.remote(num_cpus=self._demand.threads, num_gpus=self._demand.gpus, max_retries=ATTEMPTS - 1)(_perform)
        shared = ray.put(job)
        pending = {task.remote(shared, item, number, words, origin): number for number, item in enumerate(items)}
        try:
            return _gather(job, pending, words, on_progress, on_result)
        except KeyboardInterrupt:
            for reference in pending:
                ray.cancel(reference)  # as Ctrl-C in the task: it saves where it is
            ray.wait(list(pending), num_returns=len(pending), timeout=_GRACE_SECONDS)
            raise
        finally:
            for reference in pending:
                ray.cancel(reference, force=True)
            words.shutdown(force=True)


def _way(job: Job[Any, Any, Any], slots: int, place: str) -> str:
    files = f", what they make in {job.folder.resolve()}" if job.folder else ""
    return f"{slots} tasks at once on the cluster {place}: inputs travel in Ray's object store{files}"


def _gather(
    job: Job[Any, Any, Any], pending: dict[Any, int], words: Any, on_progress: OnProgress, on_result: OnResult
) -> list[Any]:
    """The results in order; ``pending`` loses those that are there."""
    import ray

    steps, results = SumOfSteps(len(pending)), dict[int, Any]()
    while pending:
        ready, _ = ray.wait(list(pending), num_returns=len(pending), timeout=_POLL_SECONDS)
        for number, progress in words.get_nowait_batch(words.qsize()):
            on_progress(steps.add(number, progress))
        for reference in ready:
            number = pending.pop(reference)
            results[number] = _result(job, number, reference)
            steps.finish(number)
            on_result(number, results[number])
    return [results[number] for number in sorted(results)]


def _result(job: Job[Any, Any, Any], number: int, reference: Any) -> Any:
    import ray
    from ray import exceptions

    place = f"{job.what} {number + 1}"
    try:
        return ray.get(reference)
    except exceptions.RayTaskError as error:
        if isinstance(error.cause, DnaDeployError):
            raise error.cause from None
        raise
    except exceptions.OutOfMemoryError as error:
        raise OutOfMemoryError(f"{place}: its node ran out of memory", "larger nodes, or fewer tasks on each") from error
    except (exceptions.OutOfDiskError, exceptions.ObjectStoreFullError) as error:
        raise DnaDeployError(f"{place}: its node has no room for what it is given", "free some space there") from error
    except exceptions.RayError as error:
        why = str(error).strip().partition("\n")[0]
        raise DnaDeployError(f"{place} was tried {ATTEMPTS} times, and its worker died: {why}", "out of memory?") from error


class _Origin:
    """What a worker compares itself with: where the driver works, with what, and its mark in the folder of the job."""

    def __init__(self, cwd: str, facts: Mapping[str, str], folder: Path | None, mark: str) -> None:
        self.cwd, self.facts, self.folder, self.mark = cwd, facts, folder, mark

    @classmethod
    def of(cls, folder: Path | None) -> _Origin:
        """That of this driver, which leaves its mark."""
        mark = uuid4().hex
        if folder is not None:
            write_atomically(folder / _MARK, mark.encode())
        return cls(str(Path.cwd()), facts(), folder and folder.resolve(), mark)

    def check(self, here: Mapping[str, str]) -> None:
        """Raises `UsageError` where this worker would compute something else, or would not be seen to."""
        node = platform.node()
        for what, there in self.facts.items():
            if here.get(what) != there:
                raise UsageError(
                    f"worker {node} has {what} {here.get(what, 'nowhere')}, the driver {there}",
                    "results would differ: install equal versions",
                )
        if self.folder is not None:
            mark = b""
            with suppress(OSError):
                mark = (self.folder / _MARK).read_bytes()
            if mark != self.mark.encode():
                hint = "take a folder on a file system that all nodes share, with --folder"
                raise UsageError(f"worker {node} does not see {self.folder}", hint)
        try:
            os.chdir(self.cwd)
        except OSError as error:
            raise UsageError(f"worker {node} lacks the data: {self.cwd}: {error.strerror}", "share that folder") from error


def facts() -> dict[str, str]:
    """The versions on which results depend, where they are installed."""
    versions = {"python": platform.python_version()}
    for package in _ALIKE:
        with suppress(PackageNotFoundError):
            versions[package] = version(package)
    return versions


def _perform(job: Job[Any, Any, Any], item: Any, number: int, words: Any, origin: _Origin) -> Any:
    """A task, in a worker."""
    origin.check(facts())
    return job.task(job.shared, item, _now_and_then(lambda progress: words.put((number, progress))))


def _now_and_then(tell: Callable[[Progress], None], clock: Callable[[], float] = time.monotonic) -> OnProgress:
    """Tells twice a second, and what must not be missed: a word goes through the network."""
    last: dict[str, float] = {}

    def on_progress(progress: Progress) -> None:
        now = clock()
        if progress.notice or progress.done == progress.total or now - last.get(progress.step, -1e9) > _WORD_EVERY_S:
            last[progress.step] = now
            tell(progress)

    return on_progress


def _connected(place: str, demand: Demand) -> Any:
    """Ray, as a driver of the cluster at a place."""
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is told to anybody
    import ray

    if ray.is_initialized():
        return ray
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if place == "local":
        ray.init(num_cpus=max(demand.jobs, demand.threads), include_dashboard=False, **quiet)
        return ray
    address = f"ray:{place}" if place.startswith("//") else place
    _check_answers(place)
    try:
        ray.init(address=address, **quiet)
    except (RuntimeError, ConnectionError, ValueError, SystemExit) as error:
        why = " ".join(str(error).split())[:160]
        raise UsageError(f"cannot use the cluster at {place}: {why}", "the same ray and Python must run there") from error
    return ray


def _check_answers(place: str) -> None:
    """Raises `UsageError` unless something speaks there as a cluster does; Ray itself asks for minutes."""
    import grpc

    host_and_port = place.removeprefix("//")
    hint = "start one with: ray start --head; is the port right (10001 for ray://)?"
    try:
        socket.create_connection((host_and_port.rpartition(":")[0], _port(place)), _ANSWER_SECONDS).close()
        with grpc.insecure_channel(host_and_port) as channel:
            grpc.channel_ready_future(channel).result(_ANSWER_SECONDS)
    except (OSError, grpc.FutureTimeoutError) as error:
        why = str(error) or "what answers is no cluster"
        raise UsageError(f"no cluster answers at {place}: {why}", hint) from error


def _port(place: str) -> int:
    port = place.rpartition(":")[2]
    return int(port) if port.isdecimal() else 0
