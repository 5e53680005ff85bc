"""Trains and rates blocks: in this process, in the processes of torchrun, or wherever an executor has room.

Blocks share nothing but files, so the result is that of one process, bit for bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from dna_deploy.executors.executor import Job, carry_out, worker_number
from dna_deploy.learning.processes import Processes
from dna_deploy.progress import OnProgress
from dna_deploy.rating.raters.dna.block_rating import BatchRatings, rate_blocks
from dna_deploy.rating.raters.dna.shares import best_division, block_costs, divided
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import BlockWork

Share = tuple[int, Sequence[int]]
"""Some blocks of one set of supernets, by its place among the sets."""


def run_blocks(work: BlockWork, indices: Sequence[int], on_progress: OnProgress) -> dict[int, BatchRatings]:
    """Trains and rates some blocks in this process."""
    with work.compute.limited_threads():
        work.teacher.network.to(work.compute.device)
        return rate_blocks(work, train_blocks(work, indices, on_progress), on_progress)


def spread_sets(sets: Sequence[BlockWork], on_progress: OnProgress) -> None:
    """Trains and rates all blocks of all sets, wherever they are to run: what comes after finds it in their folders.

    Raises:
        DnaDeployError: what a worker met; the others stop, and what they saved is kept.
    """
    processes, compute = Processes.here(), sets[0].compute
    if processes.count > 1:
        for work in sets:
            if share := dict(enumerate(shares(work, processes.count))).get(processes.rank):
                run_blocks(for_worker(work, processes.local_rank), share, on_progress)
        processes.wait()
    elif compute.is_spread:
        executor = compute.executor
        costs = block_costs(sets[0].space, share_depths=sets[0].config.share_depths)
        division = best_division(costs, len(sets), executor.slots)
        items = [(number, share) for number in range(len(sets)) for share in division]
        carry_out(executor, Job("share of blocks", _run_share, tuple(sets), sets[0].folder), items, on_progress)


def _run_share(sets: Sequence[BlockWork], share: Share, on_progress: OnProgress) -> None:
    number, blocks = share
    run_blocks(for_worker(sets[number], worker_number()), blocks, on_progress)


def for_worker(work: BlockWork, number: int) -> BlockWork:
    """The same work for one of several workers on a machine."""
    return replace(work, compute=work.compute.for_worker(number))


def shares(work: BlockWork, workers: int) -> list[list[int]]:
    """The blocks divided over workers."""
    return divided(block_costs(work.space, share_depths=work.config.share_depths), workers)
