"""Stitched ratings of a shortlist, spread over wherever tasks are to run, and kept as they come in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from dna_deploy import __version__
from dna_deploy.executors.executor import Job, carry_out, worker_number
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.raters.dna.stitched import StitchedRating, mean_rating, rate_stitched
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.records.files import digest_of
from dna_deploy.records.result_log import ResultLog
from dna_deploy.spaces.architecture import Architecture

TOGETHER = 16
"""Networks of one task: fewer would run the teacher more often, more would be lost with it."""


def rate_sets(
    works: Sequence[BlockWork],
    architectures: Sequence[Architecture],
    *,
    with_labels: bool = False,
    is_logged: bool = False,
    on_progress: OnProgress = silent,
) -> tuple[StitchedRating, ...]:
    """The mean of what each of several sets of supernets says of some networks; see `rate_stitched`.

    Networks are spread over wherever tasks are to run, those that begin alike together. With ``is_logged``, what a set says
    is kept in its folder as it comes in, and read from there.
    """
    for work in works:
        work.check_networks(architectures)
    compute, ordered = works[0].compute, sorted(set(architectures), key=str)
    if compute.is_spread:  # several workers are not to train one supernet
        for work in works:
            train_blocks(work, work.space.block_numbers, on_progress)
    logs = [_log(work, with_labels=with_labels, is_logged=is_logged) for work in works]
    rest = [[network for network in ordered if str(network) not in log.results] for log in logs]
    least = -(-compute.executor.slots // len(works))
    items = [(number, part) for number, networks in enumerate(rest) for part in _parts(networks, least)]

    def log_part(number: int, ratings: Sequence[StitchedRating]) -> None:
        for rating in ratings:
            values = {name: value for name, value in vars(rating).items() if name != "architecture"}
            logs[items[number][0]].add(str(rating.architecture), values)

    folder = works[0].folder if compute.is_spread else None
    job = Job("part of a shortlist", _rate_part, (tuple(works), with_labels), folder)
    carry_out(compute.executor, job, items, on_progress, log_part)
    return tuple(
        mean_rating([StitchedRating(architecture, **log.results[str(architecture)]) for log in logs])
        for architecture in architectures
    )


def _log(work: BlockWork, *, with_labels: bool, is_logged: bool) -> ResultLog:
    """What a set of supernets has said before, where that is kept."""
    about = {"stitched": work.identity, "labels": with_labels, "version": __version__}
    name = digest_of(str(about).encode()).removeprefix("sha256:")[:8]
    return ResultLog(work.folder / f"stitched-{name}.jsonl" if is_logged else None, about)


def _parts(networks: Sequence[Architecture], least: int) -> list[Sequence[Architecture]]:
    """Neighbours together, in ``least`` parts if there are as many, and of no more than `TOGETHER`."""
    count = min(len(networks), max(least, -(-len(networks) // TOGETHER)))
    ends = [len(networks) * number // count for number in range(count + 1)] if count else [0]
    return [networks[start:end] for start, end in pairwise(ends)]


def _rate_part(
    shared: tuple[Sequence[BlockWork], bool], item: tuple[int, Sequence[Architecture]], on_progress: OnProgress
) -> tuple[StitchedRating, ...]:
    (works, with_labels), (number, architectures) = shared, item
    work = replace(works[number], compute=works[number].compute.for_worker(worker_number()))
    return rate_stitched(work, architectures, with_labels=with_labels, on_progress=on_progress)
