"""Every rating that is judged: from the images of the ground truth (training part and rating slice, nothing else) to scores.

A score is a number a network of the list, more is better. A method that gives several kinds of scores returns them by name.
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
import torch.nn.functional as F
from evidence_calibrated import calibrated, dna_work, fine_tuned
from evidence_chain import rate_chain, train_chain
from evidence_joint import train_joint
from evidence_successors import dna_plus, dna_plus_plus, dna_plus_plus_longer
from ground_truth_records import NetworkList
from torch import nn

from dna_deploy.data.batches import in_order
from dna_deploy.data.randomness import seeded
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.batch_norm import batch_statistics, recalibrate
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher
from dna_deploy.progress import silent
from dna_deploy.rating.config import RatingConfig
from dna_deploy.rating.rate import rating_identity
from dna_deploy.rating.raters.dna.block_rating import relative_l1
from dna_deploy.rating.raters.dna.stitched import TEMPERATURES, StitchedScores, stitched_scores
from dna_deploy.rating.raters.dna.training import train_blocks
from dna_deploy.rating.raters.one_shot.rating import rate_one_shot
from dna_deploy.rating.raters.one_shot.training import OneShotConfig, one_shot_work
from dna_deploy.rating.work import BlockWork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.scaling import Scaling, largest, scaled
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.config import RESIDUAL, TeacherConfig
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.teacher import train_largest, train_residual

Scores = dict[str, Sequence[float]]

TEACHER = TeacherConfig(name=RESIDUAL, recipe=Recipe(epochs=20))
WIDE_TEACHER = TeacherConfig(name=RESIDUAL, width_factor=2.0, depth=2, recipe=Recipe(epochs=20))
EPOCHS, BATCH = 10, 32
"""1,250 steps. With 190 (3 epochs in batches of 64) supernets had learnt next to nothing, and no rating knew anything."""

SMALL_BATCH = 16
"""2,500 steps on as many images."""

ONE_SHOT_EPOCHS = 16
"""So that a one-shot supernet takes as long as the block supernets and a third of their teacher, which serves three seeds."""

RATED_IMAGES = 500
"""Of the rating slice, the same for every method."""


@dataclass(frozen=True)
class Bench:
    """What every method gets: the networks, the images, a seed, and a folder of its own."""

    listed: NetworkList
    data: ImageData
    seed: int
    folder: Path
    teachers: Path
    facts: dict[str, float] = field(default_factory=dict)
    """What a method tells besides scores."""

    @property
    def space(self) -> SearchSpace:
        return self.listed.found_space

    @property
    def architectures(self) -> tuple[Architecture, ...]:
        return self.listed.architectures

    @property
    def compute(self) -> Compute:
        return Compute(checkpoint_seconds=30)

    @property
    def config(self) -> RatingConfig:
        return RatingConfig(epochs=EPOCHS, batch=BATCH, seed=self.seed)

    def teacher(self, config: TeacherConfig = TEACHER, name: str = "teacher") -> Teacher:
        """One teacher serves all seeds. Whoever comes first trains it, others wait."""
        with waiting(self.teachers / name) as folder:
            path = train_residual(config, self.space, self.data, folder, compute=self.compute)
        teacher = load_teacher(path)
        self.tell_accuracy(teacher)
        return teacher

    def tell_accuracy(self, teacher: Teacher) -> None:
        """Notes how good the last teacher is."""
        found = measure_accuracy(teacher.network, self.data.validation, self.data)
        self.facts["teacher's validation accuracy"] = found.value

    def work(self, teacher: Teacher, config: RatingConfig | None = None) -> BlockWork:
        """As `rate_space` makes it, so that the same folder serves both stages."""
        config = config or self.config
        identity = rating_identity(self.space, teacher, self.data, config)
        return BlockWork(self.space, teacher, self.data, config, self.folder, identity, self.compute)


@contextmanager
def waiting(folder: Path) -> Iterator[Path]:
    """The folder, once no other process works in it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


def dna(bench: Bench) -> Scores:
    """As the tool rates by default: the sum over blocks, and whole networks stitched from them."""
    return two_stages(bench, bench.teacher())


def dna_longer(bench: Bench) -> Scores:
    """As much training for one set of supernets as three sets get."""
    return two_stages(bench, bench.teacher(), epochs=3 * EPOCHS)


def dna_small_batches(bench: Bench) -> Scores:
    """More steps on as many images."""
    return two_stages(bench, bench.teacher(), batch=SMALL_BATCH)


def dna_small_batches_longer(bench: Bench) -> Scores:
    """Both: 7,500 steps."""
    return two_stages(bench, bench.teacher(), epochs=3 * EPOCHS, batch=SMALL_BATCH)


def dna_wide_teacher(bench: Bench) -> Scores:
    """Another teacher: deeper and wider."""
    return two_stages(bench, bench.teacher(WIDE_TEACHER, "wide-teacher"))


def dna_largest_teacher(bench: Bench) -> Scores:
    """The largest network of the space itself, trained with labels, teaches all others."""
    return two_stages(bench, largest_teacher(bench))


def dna_largest_teacher_small_batches(bench: Bench) -> Scores:
    """The same, with more steps on as many images."""
    return two_stages(bench, largest_teacher(bench), batch=SMALL_BATCH)


def dna_largest_teacher_small_batches_longer(bench: Bench) -> Scores:
    """And with three times the epochs."""
    return two_stages(bench, largest_teacher(bench), epochs=3 * EPOCHS, batch=SMALL_BATCH)


def largest_teacher(bench: Bench) -> Teacher:
    """One serves all seeds."""
    with waiting(bench.teachers / "largest-teacher") as folder:
        path = train_largest(TEACHER.recipe, bench.space, bench.data, folder, compute=bench.compute)
    teacher = load_teacher(path)
    bench.tell_accuracy(teacher)
    return teacher


def random_teacher(bench: Bench) -> Scores:
    """Control: a teacher that has learnt nothing. Only its batch norms are fitted to the images."""
    return two_stages(bench, untrained(bench, "random"), is_control=True)


def random_largest_teacher(bench: Bench) -> Scores:
    """The same control, of the kind that is the largest network of the space."""
    return two_stages(bench, untrained(bench, "random largest"), is_control=True)


def random_teacher_small_batches(bench: Bench) -> Scores:
    """The same controls with as many steps as the tool takes by default."""
    return two_stages(bench, untrained(bench, "random"), batch=SMALL_BATCH, is_control=True)


def random_largest_teacher_small_batches(bench: Bench) -> Scores:
    """Of the largest kind."""
    return two_stages(bench, untrained(bench, "random largest"), batch=SMALL_BATCH, is_control=True)


def untrained(bench: Bench, kind: str) -> Teacher:
    with seeded(bench.seed, f"{kind} teacher"):
        if kind == "random":
            network: nn.Module = ResidualNetwork(ResidualConfig.for_space(bench.space, TEACHER.width_factor, TEACHER.depth))
        else:
            network = ScaledNetwork(ScaledConfig.for_space(bench.space, scaled(bench.space, largest(bench.space), Scaling())))
    some = Split(bench.data.train.source, bench.data.train.indices[:256])
    recalibrate(network, (batch.inputs for batch in in_order(some, bench.data, 64)))
    return Teacher.freeze(kind, f"{kind} {bench.seed}", network, bench.space.input)


def permuted_targets(bench: Bench) -> Scores:
    """Control: every block learns the features of another image."""
    return two_stages(bench, permuted(bench, bench.teacher()), is_control=True)


def permuted_targets_small_batches(bench: Bench) -> Scores:
    """The same, with as many steps as the tool takes by default."""
    return two_stages(bench, permuted(bench, bench.teacher()), batch=SMALL_BATCH, is_control=True)


def permuted(bench: Bench, teacher: Teacher) -> Teacher:
    return Teacher.freeze("permuted", f"permuted {teacher.digest}", Permuted(teacher.network), bench.space.input)


class Permuted(nn.Module):
    """A network whose features after block k are those of the image k places before, so that no target fits its input."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        found: list[torch.Tensor] = self.network.features(x)  # type: ignore[operator]
        return [feature.roll(place, 0) for place, feature in enumerate(found, 1)]

    def head(self, features: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network.head(features)  # type: ignore[operator]
        return scores


def two_stages(bench: Bench, teacher: Teacher, *, epochs: int = EPOCHS, batch: int = BATCH, is_control: bool = False) -> Scores:
    work = bench.work(teacher, bench.config.model_copy(update={"epochs": epochs, "batch": batch}))
    with bench.compute.limited_threads():
        supernets = train_blocks(work, range(len(bench.space.blocks)), silent)
        ratings = [rate_choices(work, supernets[index], index, bench.architectures) for index in supernets]
    return {
        **{f"block {index + 1}": [-rating for rating in of] for index, of in enumerate(ratings)},
        "block sum": [-sum(of) for of in zip(*ratings, strict=True)],
        **whole_networks(work, supernets, bench.architectures, is_control=is_control),
    }


def whole_networks(
    work: BlockWork,
    supernets: Mapping[int, SupernetBlock],
    architectures: Sequence[Architecture],
    *,
    is_control: bool = False,
) -> Scores:
    """What stitched networks say: divergence and agreement know no label, accuracy does. Also as the tool had it before: from
    the class that the teacher names, and earlier from scores that are not shifted. Of a control also what the order would be if
    it did not matter how little there is to know, as it is and with scores as far apart as those of a trained teacher.
    """
    with work.compute.limited_threads():
        scores = stitched_scores(work, supernets, architectures, with_labels=True)
    found = [scores.rating(architecture) for architecture in architectures]
    plain = [scores.networks[architecture] for architecture in architectures]
    kinds: Scores = {
        "stitched": [one.score for one in found],
        "stitched agreement": [one.counted_agreement or 0.0 for one in found],
        "stitched accuracy": [one.accuracy or 0.0 for one in found],
        "known": [one.known or 0.0 for one in found],
        "from answers": [-divergence_of_answers(scores.shifted(of), scores.teacher) for of in architectures],
        "from scores": [-divergence_of_scores(said, scores.teacher) for said in plain],
        "agreement, not shifted": [float((said.argmax(1) == scores.teacher.argmax(1)).double().mean()) for said in plain],
    }
    if is_control:
        sharp = made_sure(scores)
        sure = [sharp.rating(architecture) for architecture in architectures]
        kinds["made sure"] = [one.known or 0.0 for one in sure]
        kinds["made sure, agreement"] = [one.agreement or 0.0 for one in sure]
    return kinds


SURE = 3.8
"""The standard deviation of the trained teachers' scores, over images, in the mean over classes."""


def made_sure(scores: StitchedScores) -> StitchedScores:
    """As if the teacher were as sure of itself as a trained one, and named no class more often than it must."""

    def wide(of: torch.Tensor) -> torch.Tensor:
        return (of - of.mean(0)) * (SURE / float(scores.teacher.std(0).mean()))

    return StitchedScores({of: wide(said) for of, said in scores.networks.items()}, wide(scores.teacher), scores.labels)


def divergence_of_answers(said: torch.Tensor, teacher: torch.Tensor) -> float:
    """The KL divergence from the classes that the teacher names at the temperature that suits ``said`` best."""
    return float(torch.stack([F.cross_entropy(said / by, teacher.argmax(1)) for by in TEMPERATURES]).min())


def divergence_of_scores(said: torch.Tensor, teacher: torch.Tensor) -> float:
    """The KL divergence from the teacher's scores at the temperature that suits ``said`` best."""
    wanted = F.softmax(teacher, 1)
    found = [F.kl_div(F.log_softmax(said / by, 1), wanted, reduction="batchmean") for by in TEMPERATURES]
    return float(torch.stack(found).min())


def dna_joint(bench: Bench, epochs: int = 6) -> Scores:
    """DNA's block supernets after some epochs of learning together."""
    work = dna_work(bench)
    supernets = train_joint(work, epochs)
    with bench.compute.limited_threads():
        return whole_networks(work, supernets, bench.architectures)


def dna_joint_long(bench: Bench) -> Scores:
    """Whether longer is better."""
    return dna_joint(bench, 18)


@torch.no_grad()
def rate_choices(work: BlockWork, supernet: SupernetBlock, index: int, architectures: Sequence[Architecture]) -> list[float]:
    """What `rate_blocks` says about block ``index`` of some networks, without rating all other candidates of it."""
    choices = dict.fromkeys((architecture.parts[index] for architecture in architectures), 0.0)
    batches = list(in_order(work.data.rating, work.data, work.config.rating_batch))
    with batch_statistics(supernet):
        for batch in batches:
            features = [batch.inputs, *work.teacher.features(batch.inputs)]
            for choice in choices:
                found = supernet(features[index], *work.space.index.path_of(index, choice))
                choices[choice] += float(relative_l1(features[index + 1], found)) / len(batches)
    return [choices[architecture.parts[index]] for architecture in architectures]


def spos(bench: Bench, batch: int = BATCH) -> Scores:
    """One-shot supernet trained with labels, rated by accuracy with batch norms recalibrated for each path."""
    config = OneShotConfig(epochs=ONE_SHOT_EPOCHS, batch=batch, seed=bench.seed)
    work = one_shot_work(bench.space, bench.data, config, bench.folder, bench.compute)
    found = rate_one_shot(work, bench.architectures)
    return {"accuracy": [one.accuracy for one in found], "minus loss": [-one.loss for one in found]}


def spos_small_batches(bench: Bench) -> Scores:
    """More steps on as many images, as `dna_small_batches`."""
    return spos(bench, SMALL_BATCH)


def chain(groups: tuple[tuple[int, ...], ...]) -> Callable[[Bench], Scores]:
    """Blocks trained together, end to end, between the teacher's features at the ends of each group alone."""

    def method(bench: Bench) -> Scores:
        work = bench.work(bench.teacher())
        supernets = train_chain(work, groups)
        return rate_chain(work, supernets, groups, bench.architectures)

    return method


METHODS: dict[str, tuple[Callable[[Bench], Scores], tuple[int, ...]]] = {
    "dna": (dna, (0, 1, 2)),
    "spos": (spos, (0, 1, 2)),
    "dna-joint": (dna_joint, (0, 1, 2)),
    "dna-joint-long": (dna_joint_long, (0,)),
    "random-teacher": (random_teacher, (0, 1, 2, 3, 4, 5)),
    "random-largest-teacher": (random_largest_teacher, (0, 1, 2, 3, 4, 5)),
    "dna-largest-teacher": (dna_largest_teacher, (0, 1, 2)),
    "chain-3": (chain(((0,), (1,), (2,))), (0, 1, 2)),
    "chain-2": (chain(((0,), (1, 2))), (0, 1, 2)),
    "chain-1": (chain(((0, 1, 2),)), (0, 1, 2)),
    "dna++": (dna_plus_plus, (0, 1, 2)),
    "dna++-longer": (dna_plus_plus_longer, (0,)),
    "dna+": (dna_plus, (0, 1, 2)),
    "permuted-targets": (permuted_targets, (0, 1, 2)),
    "random-teacher-small-batches": (random_teacher_small_batches, (0, 1, 2, 3, 4, 5)),
    "random-largest-teacher-small-batches": (random_largest_teacher_small_batches, tuple(range(18))),
    "permuted-targets-small-batches": (permuted_targets_small_batches, (0, 1, 2)),
    "dna-longer": (dna_longer, (0, 1, 2)),
    "dna-small-batches": (dna_small_batches, (0, 1, 2)),
    "dna-small-batches-longer": (dna_small_batches_longer, (0,)),
    "dna-largest-teacher-small-batches": (dna_largest_teacher_small_batches, (0, 1, 2)),
    "dna-largest-teacher-small-batches-longer": (dna_largest_teacher_small_batches_longer, (0, 1, 2)),
    "spos-small-batches": (spos_small_batches, (0, 1, 2)),
    "dna-wide-teacher": (dna_wide_teacher, (0,)),
    "fine-tuned": (fine_tuned, (0,)),
    "calibrated": (calibrated, (0,)),
}
"""Name -> the method, and the seeds that it is run with; in the order in which they are run."""
