"""Blocks that learn to work together: the supernets of DNA, chained whole, follow the teacher's answers for a while longer.

No label is used in training; the rating says what networks do on the rating slice, as the stitched rating does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from evidence_calibrated import dna_work
from torch import nn

from dna_deploy.data.batches import in_order
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernet import SupernetBlock
from dna_deploy.rating.joint import JointConfig, train_joint
from dna_deploy.rating.stitched import stitched_features
from dna_deploy.rating.work import BlockWork
from dna_deploy.spaces.architecture import Architecture

if TYPE_CHECKING:
    from evidence_methods import Bench, Scores

LONG = JointConfig(epochs=18)


def dna_joint(bench: Bench, config: JointConfig | None = None) -> Scores:
    """DNA's block supernets after some epochs of learning together."""
    work = dna_work(bench)
    supernets = train_joint(work, config or JointConfig())
    with bench.compute.limited_threads():
        return rate_together(work, supernets, bench.architectures)


def dna_joint_long(bench: Bench) -> Scores:
    """Whether longer is better."""
    return dna_joint(bench, LONG)


@torch.no_grad()
def rate_together(work: BlockWork, supernets: dict[int, SupernetBlock], architectures: Sequence[Architecture]) -> Scores:
    """How near to the teacher's answers, how often right, and how surprised by the labels, on the rating slice."""
    divergence, accuracy, surprise = (dict.fromkeys(architectures, 0.0) for _ in range(3))
    ordered = sorted(set(architectures), key=str)
    with batch_statistics(nn.ModuleList(supernets.values())):
        for batch in in_order(work.data.rating, work.data, work.config.rating_batch):
            share = len(batch.inputs) / len(work.data.rating)
            wanted = F.log_softmax(work.teacher.scores(batch.inputs), 1)
            for architecture, features in stitched_features(work.space, supernets, ordered, batch.inputs):
                found = F.log_softmax(work.teacher.scores_from(features), 1)
                labels = batch.labels()
                divergence[architecture] += share * float(F.kl_div(found, wanted, reduction="batchmean", log_target=True))
                accuracy[architecture] += share * float((found.argmax(1) == labels).float().mean())
                surprise[architecture] += share * float(F.nll_loss(found, labels))
    return {
        "stitched": [-divergence[of] for of in architectures],
        "accuracy": [accuracy[of] for of in architectures],
        "minus loss": [-surprise[of] for of in architectures],
    }
