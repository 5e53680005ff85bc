"""Ratings that spend a few short trainings: DNA calibrated by them, operator counts fitted on them, the list itself trained.

Each begins with the supernets of the experiment ``dna`` with the same seed. Short trainings use the training part of the ground
truth, and are judged on its rating slice: neither its validation nor its test images are seen.

- *calibrated*: n networks that are not of the list, spread over cost and rating, trained for an epoch from the weights of
  their blocks; the tool's calibration is fitted on them. Beside it, the plain sum, fitted by nothing.
- *operator counts*: ridge regression on n networks drawn at random, trained for an epoch from fresh weights: what the same
  trainings tell somebody who has no supernets.
- *fine-tuned*: the networks of the list themselves after an epoch from their blocks' weights, and what that says together
  with the ratings: the last rung of successive halving, if the shortlist were the whole list.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from benchmarks.rating.bench import Bench, Scores
from benchmarks.rating.raters.block_wise import dna_work
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.pipeline.calibrate import train_all
from dna_deploy.progress import silent
from dna_deploy.rating.calibration.calibrated import CalibratedModel
from dna_deploy.rating.raters.dna.candidate_features import CandidateFeatures, positions
from dna_deploy.rating.raters.dna.rater import Dna
from dna_deploy.rating.raters.dna.rating import rate_space
from dna_deploy.rating.raters.dna.work import BlockWork
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.search.spread import spread
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.statistics.operator_counts import operator_counts
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.short import train_shortly

Values = npt.NDArray[np.float64]

SIZES = (8, 16, 24)
SHORT = Recipe(epochs=1)


def with_judges(bench: Bench, work: BlockWork) -> BlockWork:
    """The same with the part of the rating slice that rates nothing in the place of the validation images."""
    whole: ImageData = bench.listed.load_images()
    rest = Split(whole.rating.source, whole.rating.indices[len(work.data.rating) :])
    return replace(work, data=replace(work.data, validation=rest))


def ratings_of(bench: Bench, work: BlockWork) -> RatingTable:
    """The table of the tool; its supernets are those of ``work``."""
    return rate_space(bench.space, work.teacher, work.data, work.config, work.folder, compute=bench.compute)


def calibrated(bench: Bench) -> Scores:
    """By numbers of short trainings: the calibrated rating as a sum, and with neighbours; operator counts."""
    work = dna_work(bench)
    table, judged = ratings_of(bench, work), with_judges(bench, work)
    listed = list(bench.architectures)
    features, places = CandidateFeatures.of(bench.space, table), positions(bench.space, listed)
    scores: Scores = {"block sum": [-table.of(bench.space, architecture) for architecture in listed]}
    for size in SIZES:
        chosen = [network for network in spread(bench.space, table, size, seed=bench.seed) if network not in set(listed)]
        reached = short_accuracies(judged, chosen, bench)
        model = CalibratedModel.fit(features, positions(bench.space, chosen), reached)
        parts = model.of_candidates()
        scores[f"calibrated by {size}"] = np.sum([part[places[:, block]] for block, (part, _) in enumerate(parts)], 0).tolist()
        scores[f"calibrated by {size}, with neighbours"] = model.predict(places).mean.tolist()
        drawn = drawn_networks(bench, size)
        fresh = fresh_accuracies(judged, drawn, bench)
        scores[f"operator counts of {size}"] = predicted_by_counts(bench.space, drawn, fresh, listed).tolist()
    return scores


def fine_tuned(bench: Bench) -> Scores:
    """The networks of the list after a short training."""
    judged = with_judges(bench, dna_work(bench))
    return {"accuracy": short_accuracies(judged, bench.architectures, bench).tolist()}


def short_accuracies(judged: BlockWork, networks: Sequence[Architecture], bench: Bench) -> Values:
    """What networks reach after a short training from their blocks' weights. Methods share what is trained."""
    folder = bench.folder_of("short")
    return np.array([training.reached.value for training in train_all(Dna(judged), networks, SHORT, folder, silent)])


def fresh_accuracies(judged: BlockWork, networks: Sequence[Architecture], bench: Bench) -> Values:
    """The same from fresh weights."""
    recipe, folder = SHORT.model_copy(update={"seed": bench.seed}), bench.folder / "fresh"
    trained = [
        train_shortly(bench.space, network, {}, judged.data, recipe, folder, "fresh weights", compute=bench.compute)
        for network in networks
    ]
    return np.array([training.reached.value for training in trained])


def drawn_networks(bench: Bench, count: int) -> list[Architecture]:
    """Networks drawn uniformly that are not of the list; more of them begin with the same ones."""
    rng, drawn = random.Random(bench.seed), dict[Architecture, None]()
    while len(drawn) < count:
        architecture = bench.space.sample(rng)
        if architecture not in bench.architectures:
            drawn.setdefault(architecture)
    return list(drawn)


def predicted_by_counts(
    space: ChainSpace, trained: Sequence[Architecture], reached: Values, others: Sequence[Architecture]
) -> Values:
    """Ridge regression on how often every block has every operation, on its depth and width; all in one scale."""
    counts = operator_counts(space, [*trained, *others])
    mean, deviation = counts[: len(trained)].mean(0), counts[: len(trained)].std(0)
    scaled = (counts - mean) / np.where(deviation > 0, deviation, 1)
    design = scaled[: len(trained)]
    weights = np.linalg.solve(design.T @ design + np.eye(design.shape[1]), design.T @ (reached - reached.mean()))
    return np.asarray(reached.mean() + scaled[len(trained) :] @ weights)
