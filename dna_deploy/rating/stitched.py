"""Rates whole networks without training them: their own trained blocks, chained through the shared adaptors into the
teacher's head, against the teacher's answers.

It sees what a sum over blocks cannot: how errors of one block reach the next. Networks that begin alike share that part.
Blocks may learn to work together before (`dna_deploy.rating.joint`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
import torch.nn.functional as F

from dna_deploy.data.batches import Batch, in_order
from dna_deploy.errors import UsageError
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernet import SupernetBlock, path_of
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.block_training import train_blocks
from dna_deploy.rating.joint import JointConfig, train_joint
from dna_deploy.rating.work import BlockWork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace


@dataclass(frozen=True)
class StitchedRating:
    """How far a network's scores are from the teacher's, in nats, and how often they are right where labels were used."""

    architecture: Architecture
    divergence: float
    standard_error: float
    accuracy: float | None


def rate_stitched(
    work: BlockWork,
    architectures: Sequence[Architecture],
    *,
    joint: JointConfig | None = None,
    with_labels: bool = False,
    on_progress: OnProgress = silent,
) -> tuple[StitchedRating, ...]:
    """The stitched rating of some networks on the rating slice, in their order. Less is better.

    Args:
        work: a rating whose supernets are trained; those that are not are trained first.
        architectures: networks of its space.
        joint: how the blocks learn to work together first; without it they are stitched as they learnt apart.
        with_labels: also count how often a stitched network is right. Labels are touched only then.
        on_progress: hears of every batch.

    Raises:
        UsageError: an architecture is not in the space.
    """
    for architecture in architectures:
        work.space.check(architecture)
    if not architectures:
        raise UsageError("there is no network to rate")
    with work.compute.limited_threads():
        work.teacher.network.to(work.compute.device)
        if joint:
            supernets = train_joint(work, joint, on_progress)
        else:
            supernets = train_blocks(work, range(len(work.space.blocks)), on_progress)
        rows, right = _all_batches(work, supernets, architectures, with_labels, on_progress)
    divergences = torch.tensor([[row[architecture] for architecture in architectures] for row in rows], dtype=torch.float64)
    errors = divergences.std(0) / len(rows) ** 0.5 if len(rows) > 1 else torch.zeros(len(architectures))
    return tuple(
        StitchedRating(of, mean, error, right[of] / len(work.data.rating) if with_labels else None)
        for of, mean, error in zip(architectures, divergences.mean(0).tolist(), errors.tolist(), strict=True)
    )


Rows = list[dict[Architecture, float]]


def _all_batches(
    work: BlockWork,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    with_labels: bool,
    on_progress: OnProgress,
) -> tuple[Rows, dict[Architecture, int]]:
    """A row of divergences a batch, and how many images each network classified rightly."""
    rows: Rows = []
    right = dict.fromkeys(architectures, 0)
    total = -(-len(work.data.rating) // work.config.rating_batch)
    for batch in in_order(work.data.rating, work.data, work.config.rating_batch, work.compute.device):
        row = {}
        for architecture, scores, divergence in _one_batch(work, supernets, architectures, batch):
            row[architecture] = divergence
            if with_labels:
                right[architecture] += int((scores.argmax(1) == batch.labels()).sum())
        rows.append(row)
        on_progress(Progress("stitched networks", len(rows), total, f"best {min(row.values()):.3f}"))
    return rows, right


@torch.no_grad()
def _one_batch(
    work: BlockWork, supernets: Mapping[int, SupernetBlock], architectures: Sequence[Architecture], batch: Batch
) -> Iterator[tuple[Architecture, torch.Tensor, float]]:
    wanted = F.log_softmax(work.teacher.scores(batch.inputs), 1)
    ordered = sorted(set(architectures), key=str)
    for architecture, features in stitched_features(work.space, supernets, ordered, batch.inputs):
        scores = work.teacher.scores_from(features)
        found = F.log_softmax(scores, 1)
        yield architecture, scores, float(F.kl_div(found, wanted, reduction="batchmean", log_target=True))


def stitched_features(
    space: SearchSpace,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    x: torch.Tensor,
    depth: int = 0,
) -> Iterator[tuple[Architecture, torch.Tensor]]:
    """The features that each network puts before the teacher's head; networks in an order that keeps equal starts together."""
    if depth == len(space.blocks):
        for architecture in architectures:
            yield architecture, x
        return
    for choice, group in groupby(architectures, key=lambda architecture: architecture.blocks[depth]):
        with batch_statistics(supernets[depth]):
            features = supernets[depth](x, *path_of(space.blocks[depth], choice))
        yield from stitched_features(space, supernets, list(group), features, depth + 1)
