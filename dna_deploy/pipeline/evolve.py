"""DNA+: what search finds with one teacher's ratings is made larger, trained, and becomes the next teacher.

After arXiv 2403.01326, of which the idea is public and the details are not: how the winner grows, how the next teacher is
trained and when to stop are this tool's own. A round is a row of stages, so a killed evolution goes on where it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.network import Network
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher
from dna_deploy.pipeline.round import EvolutionRun, Round
from dna_deploy.pipeline.runner import OnEvent, run_stages, seconds_of
from dna_deploy.records.files import Provenance
from dna_deploy.records.lineage import Lineage, LineageHeir, LineageRound, LineageTeacher, LineageWinner, MeasuredGain
from dna_deploy.records.model_card import Absent
from dna_deploy.records.score import ACCURACY, Metric, share
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.training.accuracy import Gain, right_answers

FILE_NAME = "lineage.json"


def evolve(evolution: EvolutionRun, teacher: Path, on_event: OnEvent) -> Lineage:
    """The rounds that begin with a teacher's file. The lineage is written after every round; the same folder resumes.

    Another round follows only if the heir is more accurate than its teacher, and a round's winner more accurate than the
    last one's, by more than the margin: both on the same validation images.

    Raises:
        UsageError: the teacher does not fit the space, or another process is at work in the folder.
        InfeasibleError: no network meets the constraints.
    """
    rounds: list[LineageRound] = []
    before: torch.Tensor | None = None
    margin = evolution.settings.evolve.margin
    while True:
        round = Round(evolution, len(rounds) + 1, teacher)
        answering = _Answers(round)
        run_stages(round.finding_stages(), evolution.folder, on_event)
        answers = answering.of_winner()
        gain = _gain("the last winner", answers, before, margin, "this is the first round")
        stopped = f"the winner does not gain: {gain.verdict}" if gain.verdict else _is_last(round)
        heir: LineageHeir | Absent = Absent(reason=stopped)
        stages = round.finding_stages()
        if not stopped:
            run_stages(round.growing_stages(), evolution.folder, on_event)
            heir, stopped = answering.heir()
            stages += round.growing_stages()
        seconds = {stage.name.partition("-")[0]: seconds_of(stage, evolution.folder) for stage in stages}
        rounds.append(answering.as_round(gain.shown, heir, seconds))
        lineage = _lineage(evolution, rounds, stopped)
        lineage.write(evolution.folder / FILE_NAME)
        if stopped:
            return lineage
        teacher, before = round.heir_file, answers


def _is_last(round: Round) -> str:
    rounds = round.evolution.settings.evolve.rounds
    return f"no more than {rounds} rounds were asked for" if round.number == rounds else ""


@dataclass(frozen=True)
class _Gain:
    """A gain as the lineage shows it, and why it is not enough, if it is not."""

    shown: MeasuredGain | Absent
    verdict: str


def _gain(over: str, after: torch.Tensor, before: torch.Tensor | None, margin: float, absent: str) -> _Gain:
    if before is None:
        return _Gain(Absent(reason=absent), "")
    gain = Gain.of(after, before)
    shown = MeasuredGain(over=over, value=gain.value, standard_error=gain.standard_error)
    text = f"{ACCURACY.difference(gain.value, gain.standard_error)} over {over}"
    return _Gain(shown, "" if gain.exceeds(margin) else text)


@dataclass(frozen=True)
class _Answers:
    """What the networks of a round answer on the validation images."""

    round: Round

    @property
    def _evolution(self) -> EvolutionRun:
        return self.round.evolution

    @property
    def _space(self) -> HeadedSpace:
        return self._evolution.images.fitting_space

    def _of(self, network: torch.nn.Module) -> torch.Tensor:
        data, compute = self._evolution.images.for_teacher, self._evolution.settings.compute
        with compute.limited_threads():
            return right_answers(network, data.validation, data, compute.device)

    def of_winner(self) -> torch.Tensor:
        """Whether the trained winner is right, image by image."""
        record = TrainedNetwork.read(self.round.train.record_file)
        network = Network(self._space, self.round.winner)
        network.load_state_dict(dict(TensorFile.read(self.round.folder / record.weights).tensors))
        return self._of(network)

    def heir(self) -> tuple[LineageHeir, str]:
        """The next teacher, and why it is not good enough, if it is not."""
        old, new = load_teacher(self.round.teacher), load_teacher(self.round.heir_file)
        own = self._of(old.network) if self._knows(old) else None
        gain = _gain(
            "its teacher", self._of(new.network), own, self._evolution.settings.evolve.margin, "its teacher knows other classes"
        )
        winner = sum(layer.parameters for layer in self._space.place(self.round.winner))
        growth = self.round.heir.parameters / winner
        stopped = f"the winner made larger does not gain: {gain.verdict}" if gain.verdict else ""
        return LineageHeir(teacher=self._teacher(new), growth=growth, gain=gain.shown), stopped

    def as_round(self, gain: MeasuredGain | Absent, heir: LineageHeir | Absent, seconds: dict[str, float]) -> LineageRound:
        """The round for the lineage."""
        outcome, record = SearchOutcome.read(self.round.outcome_file), TrainedNetwork.read(self.round.train.record_file)
        winner = LineageWinner(
            architecture=outcome.best.architecture,
            rating=outcome.best.rating,
            parameters=outcome.best.parameters,
            macs=outcome.best.macs,
            weights_digest=record.weights_digest,
            validation=record.validation[0],
            gain=gain,
        )
        teacher = self._teacher(load_teacher(self.round.teacher))
        number, ratings = self.round.number, outcome.ratings
        return LineageRound(number=number, teacher=teacher, ratings=ratings, winner=winner, heir=heir, seconds=seconds)

    def _knows(self, teacher: Teacher) -> bool:
        return teacher.classes == self._space.out_channels

    def _teacher(self, teacher: Teacher) -> LineageTeacher:
        validation: Metric | Absent = Absent(reason=f"it knows {teacher.classes} other classes")
        if self._knows(teacher):
            answers = self._of(teacher.network)
            validation = share(ACCURACY, int(answers.sum()), len(answers))
        return LineageTeacher(
            name=teacher.name,
            digest=teacher.digest,
            file=str(teacher.path),
            parameters=sum(parameter.numel() for parameter in teacher.network.parameters()),
            validation=validation,
        )


def _lineage(evolution: EvolutionRun, rounds: list[LineageRound], stopped: str) -> Lineage:
    settings, images = evolution.settings, evolution.images
    recipes = {"rating": settings.rate, "winner": settings.train, "teacher": settings.teacher.recipe}
    return Lineage(
        provenance=Provenance.now(),
        space=images.space.name,
        space_digest=images.space.digest,
        dataset=images.for_supernets.name,
        data_digest=images.for_supernets.digest,
        constraints=tuple(map(str, evolution.bounds.bounds)),
        config={
            **settings.evolve.model_dump(mode="json"),
            **{name: recipe.model_dump(mode="json") for name, recipe in recipes.items()},
        },
        rounds=tuple(rounds),
        stopped=stopped,
    )
