"""Calibrates a rating: trains a handful of networks shortly, from their blocks' weights, and lets the rating speak accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from dna_deploy.data.splits import ImageData
from dna_deploy.executors.executor import Job, carry_out, worker_number
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.calibration.calibrated import CalibratedModel, leave_one_out
from dna_deploy.rating.rater import BlockRater
from dna_deploy.rating.raters.dna.candidate_features import CandidateFeatures, positions
from dna_deploy.records.files import Provenance
from dna_deploy.records.rating_calibration import CalibrationNetwork, RatingCalibration, ShortTraining
from dna_deploy.records.rating_table import BlockRatings, RatingTable
from dna_deploy.records.score import ScoreKind, predicted
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace, HeadedSpace
from dna_deploy.statistics.ranks import tau
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.short import train_shortly


@dataclass(frozen=True)
class Calibrated:
    """A table whose ratings predict a metric, what it rests on, and the model behind it."""

    table: RatingTable
    record: RatingCalibration
    model: CalibratedModel


def calibrate_rating(
    rater: BlockRater,
    ratings: RatingTable,
    architectures: Sequence[Architecture],
    recipe: Recipe,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
) -> Calibrated:
    """Trains networks shortly and fits what the plain sum cannot know.

    Args:
        rater: whose supernets give weights; those that are not trained are trained first.
        ratings: the table that the rating made.
        architectures: networks to train; see `dna_deploy.search.spread`.
        recipe: of each short training.
        folder: where trainings are kept; the same folder resumes.
        on_progress: hears of every step.

    Raises:
        TableError: the ratings are for another space, teacher or data set than the supernets.
        UsageError: too few networks.
    """
    work = rater.work
    work.check_ratings(ratings)
    features = CandidateFeatures.of(work.space, ratings)
    trained = train_all(rater, architectures, recipe, folder, on_progress)
    chosen = positions(work.space, architectures)
    reached = np.array([training.reached.value for training in trained])
    merits = np.array([training.reached.merit for training in trained])
    model = CalibratedModel.fit(features, chosen, reached)
    table = calibrated_table(work.space, ratings, model, trained[0].reached)
    left_out = leave_one_out(features, chosen, reached)
    sums = [ratings.of(work.space, architecture) for architecture in architectures]
    record = RatingCalibration(
        provenance=Provenance.now(),
        space=work.space.name,
        space_digest=work.space.digest,
        ratings=ratings.digest,
        calibrated=table.digest,
        teacher=ratings.teacher,
        dataset=ratings.dataset,
        recipe=recipe.model_dump(mode="json"),
        networks=tuple(
            CalibrationNetwork(
                architecture=training.architecture,
                rating=rating,
                reached=training.reached,
                predicted=mean,
                low=low,
                high=high,
            )
            for training, rating, mean, low, high in zip(
                trained, sums, left_out.mean.tolist(), left_out.low.tolist(), left_out.high.tolist(), strict=True
            )
        ),
        tau_of_sum=tau(-np.array(sums), merits),
        tau_of_prediction=tau(left_out.mean, reached),
    )
    return Calibrated(table, record, model)


def train_all(
    rater: BlockRater, architectures: Sequence[Architecture], recipe: Recipe, folder: Path, on_progress: OnProgress
) -> list[ShortTraining]:
    """The short trainings of some networks, in their order; they run wherever tasks are to run."""
    work, supernets = rater.work, rater.supernets(on_progress)
    space = work.space.with_head(work.space.head_for(len(work.data.classes)))
    shared = _Trainings(space, supernets, work.data, recipe, folder, work.identity, work.compute)
    return carry_out(work.compute.executor, Job("short training", _train, shared, folder), architectures, on_progress)


@dataclass(frozen=True)
class _Trainings:
    """What short trainings have in common."""

    space: HeadedSpace
    supernets: Mapping[int, SupernetBlock]
    data: ImageData
    recipe: Recipe
    folder: Path
    origin: str
    compute: Compute


def _train(shared: _Trainings, architecture: Architecture, on_progress: OnProgress) -> ShortTraining:
    return train_shortly(
        shared.space, architecture, shared.supernets, shared.data, shared.recipe, shared.folder, shared.origin,
        on_progress=lambda step: on_progress(replace(step, step="short trainings")),
        compute=shared.compute.for_worker(worker_number()),
    )  # fmt: skip


def calibrated_table(space: ChainSpace, ratings: RatingTable, model: CalibratedModel, kind: ScoreKind) -> RatingTable:
    """The ratings as a metric that is predicted, as `ScoreKind.of_rating` reads the sum over a network's blocks."""
    share, sign = kind.origin / len(space.block_numbers), -1 if kind.better == "higher" else 1
    blocks = tuple(
        BlockRatings.of(space, index, (kind.factor * (share + sign * parts)).tolist(), (kind.factor * errors).tolist())
        for index, (parts, errors) in enumerate(model.of_candidates())
    )
    changes = {"method": f"calibrated {ratings.method}", "score": predicted(kind), "blocks": blocks}
    return ratings.model_copy(update={"provenance": Provenance.now(), **changes})
