"""The tool's default rating: the sum over blocks, and whole networks stitched from them; of controls what they would say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch

from benchmarks.rating.bench import Bench, Scores
from benchmarks.rating.experiments import EXPERIMENTS
from benchmarks.rating.teachers import teacher_of
from dna_deploy.data.batches import in_order
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.progress import silent
from dna_deploy.rating.raters.dna.block_rating import relative_l1
from dna_deploy.rating.raters.dna.stitched import StitchedScores, stitched_scores
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.spaces.architecture import Architecture


def rate(bench: Bench) -> Scores:
    """Both stages, with the teacher of the experiment."""
    return two_stages(bench, teacher_of(bench))


def dna_work(bench: Bench) -> BlockWork:
    """The supernets of the experiment ``dna``, which are trained by now, or are trained here."""
    base = replace(bench, experiment=EXPERIMENTS["dna"])
    return bench.block_work(teacher_of(bench), base.config, base.folder)


def two_stages(bench: Bench, teacher: Teacher) -> Scores:
    """Every block's rating, their sum, and what stitched networks say."""
    work = bench.block_work(teacher, bench.config, bench.folder)
    with bench.compute.limited_threads():
        supernets = train_blocks(work, range(len(bench.space.blocks)), silent)
        ratings = [rate_choices(work, supernets[index], index, bench.architectures) for index in supernets]
    return {
        **{f"block {index + 1}": [-rating for rating in of_block] for index, of_block in enumerate(ratings)},
        "block sum": [-sum(of_network) for of_network in zip(*ratings, strict=True)],
        **whole_networks(work, supernets, bench.architectures, is_control=bench.experiment.is_control),
    }


def whole_networks(
    work: BlockWork,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    *,
    is_control: bool = False,
) -> Scores:
    """What stitched networks say: divergence and agreement know no label, accuracy does. Of a control also what the order would
    be if it did not matter how little there is to know, with scores as far apart as those of a trained teacher.
    """
    with work.compute.limited_threads():
        scores = stitched_scores(work, supernets, architectures, with_labels=True)
    ratings = [scores.rating(architecture) for architecture in architectures]
    kinds: Scores = {
        "stitched": [rating.score for rating in ratings],
        "stitched agreement": [rating.counted_agreement or 0.0 for rating in ratings],
        "stitched accuracy": [rating.accuracy or 0.0 for rating in ratings],
        "known": [rating.known or 0.0 for rating in ratings],
    }
    if is_control:
        sharp = made_sure(scores)
        sure = [sharp.rating(architecture) for architecture in architectures]
        kinds["made sure"] = [rating.known or 0.0 for rating in sure]
        kinds["made sure, agreement"] = [rating.agreement or 0.0 for rating in sure]
    return kinds


SURE = 3.8
"""The standard deviation of the trained teachers' scores, over images, in the mean over classes."""


def made_sure(scores: StitchedScores) -> StitchedScores:
    """As if the teacher were as sure of itself as a trained one, and named no class more often than it must."""

    def wide(of: torch.Tensor) -> torch.Tensor:
        return (of - of.mean(0)) * (SURE / float(scores.teacher.std(0).mean()))

    return StitchedScores({of: wide(said) for of, said in scores.networks.items()}, wide(scores.teacher), scores.labels)


@torch.no_grad()
def rate_choices(work: BlockWork, supernet: SupernetBlock, index: int, architectures: Sequence[Architecture]) -> list[float]:
    """What `rate_blocks` says about block ``index`` of some networks, without rating all other candidates of it."""
    choices = dict.fromkeys((architecture.parts[index] for architecture in architectures), 0.0)
    batches = list(in_order(work.data.rating, work.data, work.config.rating_batch))
    with batch_statistics(supernet):
        for batch in batches:
            features = [batch.inputs, *work.teacher.features(batch.inputs)]
            for choice in choices:
                made = supernet(features[index], *work.space.index.path_of(index, choice))
                choices[choice] += float(relative_l1(features[index + 1], made)) / len(batches)
    return [choices[architecture.parts[index]] for architecture in architectures]
