"""The teachers of the experiments: trained once for all seeds, or controls that have nothing to teach."""

from __future__ import annotations

import torch
from torch import nn

from benchmarks.rating.bench import Bench
from benchmarks.rows import waiting
from dna_deploy.data.batches import in_order
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import Split
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher
from dna_deploy.spaces.scaling import Scaling, largest, scaled
from dna_deploy.training.config import RESIDUAL, TeacherConfig
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.teacher import train_teacher

RECIPE = Recipe(epochs=20)
TRAINED = {
    "largest": TeacherConfig(recipe=RECIPE),
    "residual": TeacherConfig(name=RESIDUAL, recipe=RECIPE),
    "wide": TeacherConfig(name=RESIDUAL, width_factor=2.0, depth=2, recipe=RECIPE),
}


def teacher_of(bench: Bench) -> Teacher:
    """The teacher of an experiment, as its row says."""
    kind = bench.experiment.teacher
    teacher = untrained(bench, kind) if kind.startswith("random") else trained(bench, kind)
    return permuted(bench, teacher) if bench.experiment.targets == "permuted" else teacher


def trained(bench: Bench, kind: str) -> Teacher:
    """One teacher serves all seeds. Whoever comes first trains it, others wait."""
    with waiting(bench.work / f"{kind}-teacher") as folder:
        path = train_teacher(TRAINED[kind], bench.space, bench.data, folder, compute=bench.compute)
    return bench.judge(load_teacher(path))


def untrained(bench: Bench, kind: str) -> Teacher:
    """Control: a teacher that has learnt nothing. Only its batch norms are fitted to the images."""
    label = kind.replace("-", " ")
    with seeded(bench.seed, f"{label} teacher"):
        if kind == "random":
            config = TRAINED["residual"]
            network: nn.Module = ResidualNetwork(ResidualConfig.for_space(bench.space, config.width_factor, config.depth))
        else:
            network = ScaledNetwork(ScaledConfig.for_space(bench.space, scaled(bench.space, largest(bench.space), Scaling())))
    some = Split(bench.data.train.source, bench.data.train.indices[:256])
    estimate_statistics(network, (batch.inputs for batch in in_order(some, bench.data, 64)))
    return Teacher.freeze(label, f"{label} {bench.seed}", network, bench.space.input)


def permuted(bench: Bench, teacher: Teacher) -> Teacher:
    """Control: every block learns the features of another image."""
    return Teacher.freeze("permuted", f"permuted {teacher.digest}", Permuted(teacher.network), bench.space.input)


class Permuted(nn.Module):
    """A network whose features after block k are those of the image k places before, so that no target fits its input."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        features: list[torch.Tensor] = self.network.features(x)  # type: ignore[operator]
        return [feature.roll(place, 0) for place, feature in enumerate(features, 1)]

    def head(self, features: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network.head(features)  # type: ignore[operator]
        return scores
