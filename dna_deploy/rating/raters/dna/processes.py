"""Trains and rates blocks, in this process or spread over several: those started here, or those of torchrun.

Processes share nothing but files, so the result is that of one process, bit for bit.
"""

from __future__ import annotations

import multiprocessing
import os
import queue
import threading
from collections.abc import Sequence
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from typing import TYPE_CHECKING, TypeAlias

from dna_deploy.errors import DnaDeployError
from dna_deploy.learning.processes import Processes
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.rating.raters.dna.block_rating import BatchRatings, rate_blocks
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import BlockWork

if TYPE_CHECKING:
    Messages: TypeAlias = multiprocessing.Queue[tuple[int, Progress | DnaDeployError]]

_POLL_SECONDS = 0.2
_GRACE_SECONDS = 10


def run_blocks(work: BlockWork, indices: Sequence[int], on_progress: OnProgress) -> dict[int, BatchRatings]:
    """Trains and rates some blocks in this process."""
    with work.compute.limited_threads():
        work.teacher.network.to(work.compute.device)
        return rate_blocks(work, train_blocks(work, indices, on_progress), on_progress)


def run_all_blocks(work: BlockWork, on_progress: OnProgress) -> dict[int, BatchRatings]:
    """Trains and rates all blocks in as many processes as asked for, or as torchrun started.

    Raises:
        DnaDeployError: what a process met; the others stop, and what they saved is kept.
    """
    processes = Processes.here()
    if processes.count > 1:
        if share := dict(enumerate(shares(work, processes.count))).get(processes.rank):
            run_blocks(for_process(work, processes.local_rank), share, on_progress)
        processes.wait()
    elif work.compute.jobs > 1:
        _run_shares(work, on_progress)
    return run_blocks(work, work.space.block_numbers, on_progress)  # after processes, this only gathers


def _run_shares(work: BlockWork, on_progress: OnProgress) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would inherit threads and locks
    messages: Messages = context.Queue()
    processes = [
        context.Process(target=_work, args=(for_process(work, number), share, number, messages), daemon=True)
        for number, share in enumerate(shares(work, work.compute.jobs))
    ]
    for process in processes:
        process.start()
    try:
        _listen(processes, messages, on_progress)
    except KeyboardInterrupt:
        for process in processes:
            process.join(_GRACE_SECONDS)  # Ctrl-C reaches them as well, and they save where they are
        raise
    finally:
        for process in processes:
            process.terminate()
            process.join()


def _listen(processes: Sequence[SpawnProcess], messages: Messages, on_progress: OnProgress) -> None:
    steps = _SumOfSteps(len(processes))
    while True:
        alive = any(process.is_alive() for process in processes)  # asked first, so that no last word is lost
        try:
            number, message = messages.get(timeout=_POLL_SECONDS)
        except queue.Empty:
            if not alive:
                break
            continue
        if isinstance(message, DnaDeployError):
            raise message
        on_progress(steps.add(number, message))
    for process in processes:
        if process.exitcode:
            raise DnaDeployError(f"a rating process ended with exit code {process.exitcode}", "out of memory? try fewer --jobs")


class _SumOfSteps:
    """The steps of several processes as one: what is done in all of them, of what all of them have to do."""

    def __init__(self, processes: int) -> None:
        self._latest: dict[str, dict[int, Progress]] = {}
        self._processes = processes

    def add(self, number: int, progress: Progress) -> Progress:
        """The sum after process ``number`` has reported, of the step that not all have finished yet."""
        self._latest.setdefault(progress.step, {})[number] = progress
        for step, latest in self._latest.items():
            finished, total = (sum(getattr(one, field) for one in latest.values()) for field in ("done", "total"))
            if len(latest) < self._processes or finished < total:
                remarks = " ".join(one.remark for _, one in sorted(latest.items()))
                return Progress(step, finished, total, remarks, progress.notice)
        return progress


def _work(work: BlockWork, share: Sequence[int], number: int, messages: Messages) -> None:
    _die_with_parent()
    try:
        run_blocks(work, share, lambda progress: messages.put((number, progress)))
    except DnaDeployError as error:
        messages.put((number, error))
    except KeyboardInterrupt:
        pass  # the parent was interrupted as well, and says so


def _die_with_parent() -> None:
    """A parent that is killed takes this process along: two writers in one folder would spoil each other's files."""
    parent = multiprocessing.parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def for_process(work: BlockWork, number: int) -> BlockWork:
    """The same work for one of several processes on this machine."""
    return replace(work, compute=work.compute.for_process(number))


def cost(work: BlockWork, index: int) -> float:
    """What block ``index`` costs relative to others: operations of an average path of each of its cells."""
    chain, total = work.space.index, 0.0
    for trunk in chain.trunks(index, share_depths=work.config.share_depths):
        for layers in chain.place_trunk(index, trunk, chain.inputs[index][-1]):
            total += sum(layer.macs + 40 * layer.peak_activation_elements for layer in layers) / len(layers)
    return total


def shares(work: BlockWork, processes: int) -> list[list[int]]:
    """The blocks divided over processes, the costliest first to whoever has least; none is without a block."""
    costs = [cost(work, index) for index in work.space.block_numbers]
    divided: list[list[int]] = [[] for _ in range(min(processes, len(costs)))]
    for index in sorted(range(len(costs)), key=costs.__getitem__, reverse=True):
        min(divided, key=lambda share: sum(costs[block] for block in share)).append(index)
    return [sorted(share) for share in divided if share]
