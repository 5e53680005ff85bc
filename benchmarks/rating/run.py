"""Runs what has no scores yet: first every experiment once, then with further seeds. Stops and goes on at any time."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib import import_module
from pathlib import Path

from benchmarks.rating.bench import RATED_IMAGES, Bench, Scores
from benchmarks.rating.experiments import EXPERIMENTS, Experiment
from benchmarks.rating.scores import RunScores, is_done, keep
from benchmarks.rating.truth import TRUTHS
from benchmarks.rows import claimed

WORK = Path("runs/rating-benchmark")
RATERS = {
    "blocks": "benchmarks.rating.raters.block_wise:rate",
    "product": "benchmarks.rating.raters.product:rate",
    "population": "benchmarks.rating.raters.population:rate",
    "heir": "benchmarks.rating.raters.heir:rate",
    "chain": "benchmarks.rating.raters.chain:rate",
    "joint": "benchmarks.rating.raters.joint:rate",
    "calibrated": "benchmarks.rating.raters.short_trainings:calibrated",
    "fine-tuned": "benchmarks.rating.raters.short_trainings:fine_tuned",
}


def rater_of(experiment: Experiment) -> Callable[[Bench], Scores]:
    """The function that an experiment's row names."""
    module, _, function = RATERS[experiment.rater].partition(":")
    rate: Callable[[Bench], Scores] = getattr(import_module(module), function)
    return rate


def run(list_name: str, names: Sequence[str], work: Path = WORK) -> None:
    """Rates the networks of a list by some experiments, or all; several processes share the work."""
    listed = TRUTHS[list_name].listed
    images = listed.load_images()
    data = replace(images, rating=replace(images.rating, indices=images.rating.indices[:RATED_IMAGES]))
    chosen = [EXPERIMENTS[name] for name in names or EXPERIMENTS]
    for seed in sorted({seed for experiment in chosen for seed in experiment.seeds}):
        for experiment in chosen:
            key = (experiment.name, list_name, seed)
            if seed not in experiment.seeds or is_done(key):
                continue
            bench = Bench(experiment, listed, data, seed, work)
            with claimed(bench.folder) as folder:
                if folder is not None and not is_done(key):
                    began = time.process_time()
                    scores = {kind: tuple(values) for kind, values in rater_of(experiment)(bench).items()}
                    seconds = round(time.process_time() - began, 1)
                    keep(RunScores(*key, seconds, bench.teacher_accuracy, scores))
                    print(f"{experiment.name}, seed {seed}: done in {seconds:.0f} CPU-s", flush=True)
