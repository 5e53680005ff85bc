"""Rates whole networks without training them: their own trained blocks, chained through the shared adaptors into the
teacher's head, against the teacher's answers.

It sees what a sum over blocks cannot: how errors of one block reach the next. Networks that begin alike share that part.
Scores of stitched networks have a scale of their own: their divergence from the teacher's is taken at the temperature that
suits each network best, since otherwise it tells scales apart rather than networks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import torch
import torch.nn.functional as F

from dna_deploy.data.batches import Batch, in_order
from dna_deploy.errors import UsageError
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernet import SupernetBlock, path_of
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.block_training import train_blocks
from dna_deploy.rating.work import BlockWork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace

TEMPERATURES = tuple(2 ** (step / 4) for step in range(-8, 17))
"""From 1/4 to 16, four to a doubling."""


@dataclass(frozen=True)
class StitchedRating:
    """How far a network's scores are from the teacher's, in nats, how often its answer is the teacher's, and how often it is
    right where labels were used. Without a teacher there is a distance alone.
    """

    architecture: Architecture
    divergence: float
    standard_error: float
    temperature: float | None = None
    agreement: float | None = None
    accuracy: float | None = None


def rate_stitched(
    work: BlockWork,
    architectures: Sequence[Architecture],
    *,
    with_labels: bool = False,
    on_progress: OnProgress = silent,
) -> tuple[StitchedRating, ...]:
    """The stitched rating of some networks on the rating slice, in their order.

    Args:
        work: a rating whose supernets are trained; those that are not are trained first.
        architectures: networks of its space.
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
        supernets = train_blocks(work, range(len(work.space.blocks)), on_progress)
        return stitch(work, supernets, architectures, with_labels=with_labels, on_progress=on_progress)


def stitch(
    work: BlockWork,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    *,
    with_labels: bool = False,
    on_progress: OnProgress = silent,
) -> tuple[StitchedRating, ...]:
    """The same, of supernets that are at hand."""
    seen = _all_batches(work, supernets, architectures, with_labels, on_progress)
    return tuple(seen[architecture].rating(architecture, with_labels) for architecture in architectures)


@dataclass
class _Seen:
    """What is known of a network after some batches: a row of divergences a batch, one for every temperature."""

    divergences: list[torch.Tensor] = field(default_factory=list)
    images: int = 0
    agreeing: int = 0
    right: int = 0

    def rating(self, architecture: Architecture, with_labels: bool) -> StitchedRating:
        """At the temperature of the least mean."""
        rows = torch.stack(self.divergences).double()
        best = int(rows.mean(0).argmin())
        error = float(rows[:, best].std()) / len(rows) ** 0.5 if len(rows) > 1 else 0.0
        return StitchedRating(
            architecture,
            divergence=float(rows[:, best].mean()),
            standard_error=error,
            temperature=TEMPERATURES[best],
            agreement=self.agreeing / self.images,
            accuracy=self.right / self.images if with_labels else None,
        )


def _all_batches(
    work: BlockWork,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    with_labels: bool,
    on_progress: OnProgress,
) -> dict[Architecture, _Seen]:
    seen = {architecture: _Seen() for architecture in architectures}
    total = -(-len(work.data.rating) // work.config.rating_batch)
    batches = in_order(work.data.rating, work.data, work.config.rating_batch, work.compute.device)
    for done, batch in enumerate(batches, 1):
        _one_batch(work, supernets, seen, batch, with_labels)
        best = max(of.agreeing / of.images for of in seen.values())
        on_progress(Progress("stitched networks", done, total, f"best agrees on {best:.1%}"))
    return seen


@torch.no_grad()
def _one_batch(
    work: BlockWork, supernets: Mapping[int, SupernetBlock], seen: dict[Architecture, _Seen], batch: Batch, with_labels: bool
) -> None:
    answers = work.teacher.scores(batch.inputs).float()
    wanted, temperatures = F.log_softmax(answers, 1), torch.tensor(TEMPERATURES, device=answers.device)
    for architecture, features in stitched_features(work.space, supernets, sorted(seen, key=str), batch.inputs):
        scores, of = work.teacher.scores_from(features).float(), seen[architecture]
        found = F.log_softmax(scores / temperatures[:, None, None], 2)
        of.divergences.append((wanted.exp() * (wanted - found)).sum(2).mean(1).cpu())
        of.images += len(scores)
        of.agreeing += int((scores.argmax(1) == answers.argmax(1)).sum())
        if with_labels:
            of.right += int((scores.argmax(1) == batch.labels()).sum())


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
