"""Rates whole networks without training them: their own trained blocks, chained through the shared adaptors into the
teacher's head, against what the teacher believes.

It sees what a sum over blocks cannot: how errors of one block reach the next. Networks that begin alike share that part.
Scores of stitched networks have a scale of their own, and an offset of every class, since no block was ever trained behind
another. So they are shifted class by class until their means are the teacher's, and the divergence is taken at the temperature
that suits each network best; as they are, they tell scales and offsets apart rather than networks.

Whatever varies can be imitated, even what a teacher says that has learnt nothing, and who imitates well has capacity. So what
counts is how much a network *knows* of what the teacher believes, in nats: a teacher that has learnt nothing believes all
classes nearly alike, there is next to nothing to know, and its order of networks is not taken (`LEAST_KNOWN`; see
`benchmarks/results/rating.md`).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from math import log

import numpy as np
import torch
import torch.nn.functional as F

from dna_deploy.data.batches import in_order
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace

TEMPERATURES = tuple(2 ** (step / 4) for step in range(-8, 17))
"""From 1/4 to 16, four to a doubling."""

ROOM = 2**29
"""Bytes of scores in main memory: 67 networks on 2,000 images of 1,000 classes."""

LEAST_KNOWN = 0.01
"""Of what an answer can tell, ln(classes) nats: with less, a network is taken to know nothing. On the ground truth at most
0.003 was known of untrained teachers, 0.013 and more of trained ones, mostly 0.1 to 0.4. It cannot tell all untrained networks:
heads that begin with large weights are sure of themselves."""


@dataclass(frozen=True)
class StitchedRating:
    """How far a network's beliefs are from the teacher's, in nats; how much of those it knows beyond which classes are
    frequent, as a share of ln(classes); how often its answer is the teacher's; and how often it is right, where labels were
    used. Without a teacher there is a distance alone.
    """

    architecture: Architecture
    divergence: float
    standard_error: float
    temperature: float | None = None
    known: float | None = None
    agreement: float | None = None
    accuracy: float | None = None

    @property
    def knows_nothing(self) -> bool:
        """Whether it knows too little of the teacher for its likeness to say anything about the network."""
        return self.known is not None and self.known < LEAST_KNOWN

    @property
    def score(self) -> float:
        """What it is ranked by, more is better: all that know nothing are alike."""
        if self.known is None:
            return -self.divergence
        return 0.0 if self.knows_nothing else self.known

    @property
    def counted_agreement(self) -> float | None:
        """The agreement that it is ranked by: none without knowledge."""
        return 0.0 if self.knows_nothing else self.agreement


@dataclass(frozen=True)
class StitchedScores:
    """What networks and teacher say about the rating slice, ``(images, classes)`` each, and what is on it where labels were
    used, ``(images,)``.
    """

    networks: Mapping[Architecture, torch.Tensor]
    teacher: torch.Tensor
    labels: torch.Tensor | None

    def shifted(self, architecture: Architecture) -> torch.Tensor:
        """A network's scores with the teacher's mean score of every class."""
        scores = self.networks[architecture]
        return scores - scores.mean(0) + self.teacher.mean(0)

    @cached_property
    def beliefs(self) -> torch.Tensor:
        """The teacher's probabilities, ``(images, classes)``."""
        return F.softmax(self.teacher, 1)

    @cached_property
    def told(self) -> float:
        """How much the teacher tells; see `share_told`."""
        return share_told(self.teacher)

    def rating(self, architecture: Architecture) -> StitchedRating:
        """The KL divergence from the teacher's beliefs at the temperature of its least mean, and the rest at any."""
        scores, answers = self.shifted(architecture), self.teacher.argmax(1)
        believed, surprise = (self.beliefs * scores).sum(1), -_entropy(self.beliefs)
        divergences = torch.stack([(scores / by).logsumexp(1) - believed / by + surprise for by in TEMPERATURES]).double()
        best = int(divergences.mean(1).argmin())
        divergence = float(divergences[best].mean())
        error = float(divergences[best].std()) / len(answers) ** 0.5 if len(answers) > 1 else 0.0
        return StitchedRating(
            architecture,
            divergence=divergence,
            standard_error=error,
            temperature=TEMPERATURES[best],
            known=self.told - divergence / _answer(scores),
            agreement=float((scores.argmax(1) == answers).double().mean()),
            accuracy=None if self.labels is None else float((scores.argmax(1) == self.labels).double().mean()),
        )


def share_told(scores: torch.Tensor) -> float:
    """How much scores ``(images, classes)`` tell of an image beyond which classes are frequent, as a share of ln(classes): the
    mean KL divergence of beliefs from their mean. Near 0 for a network that was never trained.
    """
    beliefs = F.softmax(scores, 1).double()
    return float(_entropy(beliefs.mean(0)) - _entropy(beliefs).mean()) / _answer(scores)


def _answer(scores: torch.Tensor) -> float:
    """What an answer can tell, in nats."""
    return log(max(2, scores.shape[1]))


def _entropy(beliefs: torch.Tensor) -> torch.Tensor:
    """In nats, over the last axis."""
    entropy: torch.Tensor = torch.special.entr(beliefs).sum(-1)
    return entropy


def mean_rating(ratings: Sequence[StitchedRating]) -> StitchedRating:
    """What several sets of supernets say of one network, in the mean. Its error is that over images, which all sets share,
    together with that over sets.
    """
    if len(ratings) == 1:
        return ratings[0]
    divergences = np.array([rating.divergence for rating in ratings])
    over_images = np.mean([rating.standard_error for rating in ratings])
    return StitchedRating(
        ratings[0].architecture,
        divergence=float(divergences.mean()),
        standard_error=float(np.hypot(over_images, divergences.std(ddof=1) / len(ratings) ** 0.5)),
        known=_mean(rating.known for rating in ratings),
        agreement=_mean(rating.agreement for rating in ratings),
        accuracy=_mean(rating.accuracy for rating in ratings),
    )


def _mean(values: Iterable[float | None]) -> float | None:
    numbers = [value for value in values if value is not None]
    return sum(numbers) / len(numbers) if numbers else None


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
    work.check_networks(architectures)
    with work.compute.limited_threads():
        work.teacher.network.to(work.compute.device)
        supernets = train_blocks(work, work.space.block_numbers, on_progress)
        return stitch(work, supernets, architectures, with_labels=with_labels, on_progress=on_progress)


def stitch(
    work: BlockWork,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    *,
    with_labels: bool = False,
    on_progress: OnProgress = silent,
) -> tuple[StitchedRating, ...]:
    """The same, of supernets that are at hand. So many networks at a time as there is room for their scores."""
    rated = dict[Architecture, StitchedRating]()
    each = len(work.data.rating) * work.teacher.classes * torch.float32.itemsize
    ordered = sorted(set(architectures), key=str)
    for start in range(0, len(ordered), max(1, ROOM // each)):
        part = ordered[start : start + max(1, ROOM // each)]
        scores = stitched_scores(work, supernets, part, with_labels=with_labels, on_progress=on_progress)
        rated |= {architecture: scores.rating(architecture) for architecture in part}
    return tuple(rated[architecture] for architecture in architectures)


@torch.no_grad()
def stitched_scores(
    work: BlockWork,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    *,
    with_labels: bool = False,
    on_progress: OnProgress = silent,
) -> StitchedScores:
    """What stitched networks say about every image of the rating slice, kept in main memory."""
    ordered = sorted(set(architectures), key=str)
    said: dict[Architecture, list[torch.Tensor]] = {architecture: [] for architecture in ordered}
    answers, labels = list[torch.Tensor](), list[torch.Tensor]()
    total = -(-len(work.data.rating) // work.config.rating_batch)
    batches = in_order(work.data.rating, work.data, work.config.rating_batch, work.compute.device)
    for number, batch in enumerate(batches, 1):
        answers.append(work.teacher.scores(batch.inputs).float().cpu())
        for architecture, features in stitched_features(work.space, supernets, ordered, batch.inputs):
            said[architecture].append(work.teacher.scores_from(features).float().cpu())
        if with_labels:
            labels.append(batch.labels().cpu())
        on_progress(Progress("stitched networks", number, total, f"{len(ordered)} networks"))
    networks = {architecture: torch.cat(said.pop(architecture)) for architecture in ordered}
    return StitchedScores(networks, torch.cat(answers), torch.cat(labels) if labels else None)


def stitched_features(
    space: ChainSpace,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    x: torch.Tensor,
    depth: int = 0,
) -> Iterator[tuple[Architecture, torch.Tensor]]:
    """The features that each network puts before the teacher's head; networks in an order that keeps equal starts together."""
    if depth == len(space.block_numbers):
        for architecture in architectures:
            yield architecture, x
        return
    for choice, group in groupby(architectures, key=lambda architecture: architecture.parts[depth]):
        with batch_statistics(supernets[depth]):
            features = supernets[depth](x, *space.index.path_of(depth, choice))
        yield from stitched_features(space, supernets, list(group), features, depth + 1)
