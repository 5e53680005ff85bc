"""The baseline: a one-shot supernet trained with labels, rated by accuracy with batch norms recalibrated for each path."""

from __future__ import annotations

from benchmarks.rating.bench import Bench, Scores
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rating import rate_one_shot
from dna_deploy.rating.raters.one_shot.training import one_shot_work


def rate(bench: Bench) -> Scores:
    """As `dna-deploy rate --method one-shot` does."""
    config = OneShotConfig(epochs=bench.experiment.epochs, batch=bench.experiment.batch, seed=bench.seed)
    work = one_shot_work(bench.space, bench.data, config, bench.folder, bench.compute)
    ratings = rate_one_shot(work, bench.architectures)
    return {"accuracy": [rating.accuracy for rating in ratings], "minus loss": [-rating.loss for rating in ratings]}
