"""DNA+: each heir teaches the next round, rounds end with a reason, and a kill costs nothing but time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dna_deploy.data.splits import ImageData
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import file_digest
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.teacher import load_teacher, write_teacher
from dna_deploy.pipeline.evolution import EvolutionConfig, Growth
from dna_deploy.pipeline.evolve import FILE_NAME, evolve
from dna_deploy.pipeline.images import ImagesConfig, ProjectImages
from dna_deploy.pipeline.round import EvolutionRun, Round
from dna_deploy.pipeline.runner import StageEvent
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.stages.search import Bounds
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import RefiningRater
from dna_deploy.records.lineage import Lineage, MeasuredGain
from dna_deploy.records.model_card import Absent
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.score import Metric
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.search import Constraint
from dna_deploy.training.config import TeacherConfig
from dna_deploy.training.presets import FinalRecipe
from dna_deploy.training.recipe import Recipe
from tests.toy import CONFIG, SPACE, toy_data

LEARNING = Recipe(epochs=12, batch=16, learning_rate=1e-2)
SETTINGS = Settings(
    evolve=EvolutionConfig(rounds=2, margin=0.0, growth=Growth(parameters=2.0)),
    rate=CONFIG.model_copy(update={"epochs": 1}),
    train=FinalRecipe(epochs=2, batch=16, learning_rate=1e-2),
    teacher=TeacherConfig(recipe=LEARNING),
    shortlist=4,
    prefer_cheaper=False,
    compute=Compute(checkpoint_seconds=0),
)


class ToyImages(ProjectImages):
    """The toy images, however many are wanted."""

    fitting_space = SPACE.with_head(SPACE.head_for(3))

    def up_to(self, most: int | None) -> ImageData:
        return toy_data()


def evolution_in(folder: Path, settings: Settings = SETTINGS) -> EvolutionRun:
    """The evolution of the toy space under a bound."""
    bounds = Bounds((Constraint.parse("macs", "60k"),), ())
    return EvolutionRun(settings, ToyImages(ImagesConfig(), SPACE), bounds, folder)


def changed(**changes: object) -> Settings:
    """The settings with other rounds."""
    return SETTINGS.model_copy(update={"evolve": SETTINGS.evolve.model_copy(update=changes)})


def untrained_teacher(folder: Path, classes: int = 3) -> Path:
    """The file of a teacher that knows nothing, always the same."""
    torch.manual_seed(0)
    path = folder / "teacher.safetensors"
    config = ResidualConfig.for_space(SPACE.with_head(SPACE.head_for(classes)), 1.0, 1)
    write_teacher(path, ResidualNetwork(config), SPACE.input, name="untrained", facts={})
    return path


def unheard(event: object) -> None:
    """Hears nothing."""


@pytest.mark.slow
def test_the_heir_of_a_round_teaches_the_next(tmp_path: Path) -> None:
    evolution = evolution_in(tmp_path / "run")
    found = evolve(evolution, untrained_teacher(tmp_path), unheard)
    assert Lineage.read(evolution.folder / FILE_NAME) == found
    first, second = found.rounds
    assert not isinstance(first.heir, Absent)
    assert first.heir.teacher == second.teacher
    assert second.teacher.digest == file_digest(Path(second.teacher.file))
    assert first.heir.growth >= 2
    assert isinstance(first.heir.gain, MeasuredGain)
    assert first.heir.gain.value > 0.2  # over a teacher that knows nothing
    for number, done in enumerate(found.rounds, 1):
        table = RatingTable.read(evolution.folder / f"round-{number}" / "ratings.json")
        assert (table.digest, done.winner.macs <= 60_000) == (done.ratings, True)
        assert done.teacher.digest[:19] in table.teacher
        assert {"rate", "search", "train"} <= set(done.seconds)
    assert "does not gain" in found.stopped or found.stopped == "no more than 2 rounds were asked for"
    assert isinstance(second.heir, Absent)


def test_an_heir_that_is_no_better_than_its_teacher_ends_it(tmp_path: Path) -> None:
    strict = changed(margin=1e6)
    found = evolve(evolution_in(tmp_path / "run", strict), untrained_teacher(tmp_path), unheard)
    assert len(found.rounds) == 1
    assert found.stopped.startswith("the winner made larger does not gain: +")
    assert found.stopped.endswith("points over its teacher")


def test_a_teacher_of_other_classes_has_no_accuracy_and_is_followed_by_its_heir(tmp_path: Path) -> None:
    teaching = TeacherConfig(recipe=Recipe(epochs=1, batch=16))
    quick = changed(margin=1e6).model_copy(update={"teacher": teaching})
    first, *others = evolve(evolution_in(tmp_path / "run", quick), untrained_teacher(tmp_path, classes=7), unheard).rounds
    assert (first.teacher.validation, len(others)) == (Absent(reason="it knows 7 other classes"), 1)
    assert not isinstance(first.heir, Absent)
    assert isinstance(first.heir.teacher.validation, Metric)


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.slow
@pytest.mark.parametrize("step", ["rating", "training", "teacher"])
def test_a_killed_evolution_ends_with_the_same_networks(tmp_path: Path, step: str) -> None:
    quick = SETTINGS.model_copy(update={"teacher": TeacherConfig(recipe=Recipe(epochs=2, batch=16, learning_rate=1e-2))})
    teacher = untrained_teacher(tmp_path)
    heard = []

    def kill(event: object) -> None:
        if isinstance(event, Progress) and event.step == step:
            heard.append(event)
            if len(heard) == 2:
                raise KilledError

    killed = evolution_in(tmp_path / "killed", quick)
    with pytest.raises(KilledError):
        evolve(killed, teacher, kill)
    resumed = evolve(killed, teacher, unheard)
    whole = evolve(evolution_in(tmp_path / "whole", quick), teacher, unheard)
    for one, other in zip(resumed.rounds, whole.rounds, strict=True):
        assert one.winner == other.winner
        assert one.teacher.digest == other.teacher.digest


def test_a_finished_evolution_is_not_done_again(tmp_path: Path) -> None:
    quick = changed(rounds=1)
    evolution, teacher = evolution_in(tmp_path / "run", quick), untrained_teacher(tmp_path)
    first = evolve(evolution, teacher, unheard)
    heard: list[str] = []
    again = evolve(evolution, teacher, lambda event: heard.append(event.kind) if isinstance(event, StageEvent) else None)
    assert (again.rounds, heard) == (first.rounds, ["skipped"] * 3)


def test_another_budget_keeps_the_ratings(tmp_path: Path) -> None:
    quick = changed(rounds=1)
    evolution, teacher = evolution_in(tmp_path / "run", quick), untrained_teacher(tmp_path)
    evolve(evolution, teacher, unheard)
    kinds: list[tuple[str, str]] = []
    smaller = replace(evolution, bounds=Bounds((Constraint.parse("macs", "40k"),), ()))
    evolve(smaller, teacher, lambda e: kinds.append((e.stage.name, e.kind)) if isinstance(e, StageEvent) else None)
    assert kinds[0] == ("rate-1", "skipped")
    assert ("search-1", "started") in kinds


def test_the_files_of_a_round_are_where_its_lineage_says(tmp_path: Path) -> None:
    evolution = evolution_in(tmp_path / "run", changed(margin=1e6))
    found = evolve(evolution, untrained_teacher(tmp_path), unheard)
    heir = found.rounds[0].heir
    assert not isinstance(heir, Absent)
    teacher = load_teacher(Round(evolution, 1, tmp_path / "teacher.safetensors").heir_file)
    assert (teacher.digest, teacher.name) == (heir.teacher.digest, "heir of round 1 on toy")


def test_a_winner_is_the_best_as_a_whole_network(tmp_path: Path) -> None:
    """Against the second stage on its own, from the supernets that the round left."""
    evolution = evolution_in(tmp_path / "run", changed(rounds=1))
    evolve(evolution, untrained_teacher(tmp_path), unheard)
    outcome = SearchOutcome.read(evolution.folder / "round-1" / "outcome.json")
    shortlist = [network.architecture for network in (outcome.best, *outcome.others)]
    assert len(shortlist) == 4
    (supernets,) = (evolution.folder / "work").glob("rate-1-*")
    ratings = RatingTable.read(evolution.folder / "round-1" / "ratings.json")
    round = Round(evolution, 1, tmp_path / "teacher.safetensors")
    rater = round.rate.rater(supernets)
    assert isinstance(rater, RefiningRater)
    refinement = rater.second_stage(ratings).refine([SPACE.parse(line) for line in sorted(shortlist)])
    assert [network.architecture for network in refinement.networks] == shortlist
