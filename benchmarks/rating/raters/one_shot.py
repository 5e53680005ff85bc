"""The baseline: a one-shot supernet trained with labels, rated by accuracy with batch norms recalibrated for each path."""

from __future__ import annotations

from benchmarks.rating.bench import Bench, Scores
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.raters.one_shot.training import one_shot_work


def rate(bench: Bench) -> Scores:
    """As `dna-deploy rate --method one-shot` does."""
    config = OneShotConfig(epochs=bench.experiment.epochs, batch=bench.experiment.batch, seed=bench.seed)
    rater = OneShot(one_shot_work(bench.space, bench.data, config, bench.folder, bench.compute))
    scores = rater.score(bench.architectures)
    return {"accuracy": [score.value for score in scores], "minus loss": [-score.further[0].value for score in scores]}
