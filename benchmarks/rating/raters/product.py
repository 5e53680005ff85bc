"""Any rater of the product, or of a plugin, by its name: a row of `experiments.toml` is all that it takes."""

from __future__ import annotations

from benchmarks.rating.bench import Bench, Scores
from benchmarks.rating.teachers import teacher_of
from dna_deploy.progress import silent
from dna_deploy.rating.rater import load_rater, make_rater
from dna_deploy.records.score import Score

KINDS = {"minus cross entropy": "minus loss", "stitched, divergence": "stitched", "stitched, agreement": "stitched agreement"}
"""Names of the raw scores -> those under which the files have had them from the beginning."""


def rate(bench: Bench) -> Scores:
    """Every kind of score that the rater tells of a network, with a sign such that more is better."""
    experiment, kind = bench.experiment, load_rater(bench.experiment.method)
    chosen = {"epochs": experiment.epochs, "batch": experiment.batch, "seed": bench.seed}
    config = kind.config(**{name: value for name, value in chosen.items() if name in kind.config.model_fields})
    teacher = teacher_of(bench) if kind.needs.teacher else None
    rater = make_rater(experiment.method, bench.space, bench.data, config, bench.folder, teacher=teacher, compute=bench.compute)
    by_network = [(score, *score.further) for score in rater.score(bench.architectures, silent)]
    return {
        _name(scores[0]): [score.kind.merit_of(score.value) for score in scores] for scores in zip(*by_network, strict=True)
    }


def _name(score: Score) -> str:
    name = score.kind.name if score.kind.better == "higher" else f"minus {score.kind.name}"
    return KINDS.get(name, name)
