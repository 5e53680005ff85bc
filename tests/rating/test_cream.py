"""Cream: who enters the board, who teaches whom, and that costs are those of the table that is named."""

from __future__ import annotations

import csv
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from dna_deploy.data.batches import Batch
from dna_deploy.errors import TableError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.phase import StepView
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.progress import Progress
from dna_deploy.rating.rater import Rater, load_rater, make_rater
from dna_deploy.rating.raters.cream.board import Board, Entry
from dna_deploy.rating.raters.cream.config import BoardConfig
from dna_deploy.rating.raters.cream.distillation import PathDistillation
from dna_deploy.rating.raters.cream.matching import Matching, MatchingLoss
from dna_deploy.rating.raters.cream.rater import BOARD
from dna_deploy.spaces.architecture import Architecture
from tests.search.instances import random_table
from tests.toy import SPACE, toy_data

CONFIG = BoardConfig(epochs=3, batch=16, rating_batch=20, calibration_images=32, board=3)
NETWORKS = [SPACE.sample(random.Random(seed)) for seed in range(6)]


def entry(number: int, accuracy: float, cost: float) -> Entry:
    return Entry(NETWORKS[number], accuracy, cost)


@pytest.mark.parametrize(
    ("accuracy", "cost", "enters"),
    [
        (0.56, 9.0, True),  # ahead of the last entry by more than five points, however dear
        (0.54, 9.0, False),  # ahead, but by less, and dearer
        (0.51, 1.0, True),  # hardly ahead, but cheaper
        (0.51, 2.0, False),  # hardly ahead, as dear
        (0.50, 1.0, False),  # cheaper alone is not enough
    ],
)
def test_a_full_board_takes_what_is_clearly_better_or_better_and_cheaper(accuracy: float, cost: float, enters: bool) -> None:
    board = Board(2, (entry(0, 0.8, 5.0), entry(1, 0.5, 2.0)))
    board.consider(entry(2, accuracy, cost))
    assert [one.network for one in board.entries] == [NETWORKS[0], NETWORKS[2 if enters else 1]]


def test_a_board_with_room_takes_all_and_keeps_them_best_first_and_cheapest_of_equals() -> None:
    board = Board(4)
    for number, (accuracy, cost) in enumerate([(0.5, 2.0), (0.7, 3.0), (0.7, 1.0)]):
        board.consider(entry(number, accuracy, cost))
    assert [one.network for one in board.entries] == [NETWORKS[2], NETWORKS[1], NETWORKS[0]]
    board.consider(entry(1, 0.9, 3.0))  # met again: it stands there once
    assert board.entries[0] == entry(1, 0.9, 3.0)
    assert len(board.entries) == 3


class Linear(nn.Module):
    """Scores that are a share of the images' first pixels."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.tensor(factor))

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return images.flatten(1)[:, :3] * self.factor


def distillation(
    paths: dict[Architecture, nn.Module], board: Board, warm_up: int = 2, matching: Matching | None = None
) -> PathDistillation:
    return PathDistillation(
        SPACE, paths.__getitem__, lambda _: 1.0, board,
        matching=matching, costs="ones", warm_up=warm_up, label_smoothing=0.1,
    )  # fmt: skip


def batch() -> Batch:
    data = toy_data()
    positions = torch.arange(8)
    return Batch(data.normalisation(data.train.images(positions)), positions, data.train)


def test_the_best_network_of_the_board_teaches_and_is_not_taught() -> None:
    student, teacher, images = Linear(0.3), Linear(2.0), batch()
    paths: dict[Architecture, nn.Module] = {NETWORKS[0]: teacher, NETWORKS[1]: Linear(-1.0)}
    objective = distillation(paths, Board(2, (entry(0, 0.9, 1.0), entry(1, 0.8, 1.0))))
    loss = objective.loss(StepView(2, NETWORKS[2], student, images))
    scores, wanted = student(images.inputs), teacher(images.inputs).softmax(1)
    hard = nn.CrossEntropyLoss(label_smoothing=0.1)(scores, images.labels())
    soft = -(wanted * scores.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, (0.5 * soft + 1.5 * hard) / 2)  # m = 0.5
    torch.autograd.backward(loss)
    assert student.factor.grad is not None
    assert teacher.factor.grad is None


def test_while_it_warms_up_labels_alone_teach_and_nobody_enters() -> None:
    student, images = Linear(0.3), batch()
    objective = distillation({NETWORKS[0]: Linear(2.0)}, Board(2))
    hard = nn.CrossEntropyLoss(label_smoothing=0.1)(student(images.inputs), images.labels())
    for step in range(2):
        torch.testing.assert_close(objective.loss(StepView(step, NETWORKS[0], student, images)), hard)
        objective.after_step(step)
        assert not objective.board.entries
    objective.loss(StepView(2, NETWORKS[0], student, images))
    objective.after_step(2)
    right = (student(images.inputs).argmax(1) == images.labels()).float().mean()
    assert objective.board.entries == (Entry(NETWORKS[0], float(right), 1.0),)


def test_accuracy_counts_every_portion_once_also_where_a_step_begins_again() -> None:
    student, whole = Linear(0.3), batch()
    objective = distillation({}, Board(2), warm_up=0)
    objective.loss(StepView(0, NETWORKS[0], student, whole.portions(2)[0]))  # then memory ran out
    for number, portion in enumerate(whole.portions(4)):
        objective.loss(StepView(0, NETWORKS[0], student, portion, portion=number))
    objective.after_step(0)
    right = (student(whole.inputs).argmax(1) == whole.labels()).float().mean()
    assert objective.board.entries[0].accuracy == float(right)


def matching(board: Board) -> Matching:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Matching(board, (1, 12, 12), 3)


def answered(made: Matching, number: int, images: torch.Tensor, answers: torch.Tensor) -> None:
    """A network of the board has answered so."""
    made.images[number], made.answers[number] = images, answers


def test_every_student_is_taught_by_whoever_matches_it_best_and_by_how_well() -> None:
    images, board = batch(), Board(2, (entry(0, 0.9, 1.0), entry(1, 0.8, 1.0)))
    made = matching(board)
    first, second = torch.eye(3)[[0, 0, 0, 0]], torch.eye(3)[[1, 1, 1, 1]]
    answered(made, 0, images.inputs[:4], first)
    answered(made, 1, images.inputs[4:], second)
    made.map.weight.data = (first - second).flatten()[None]  # the less a teacher gave the first class, the better it matches
    made.map.bias.data.zero_()
    student, paths = Linear(0.3), {NETWORKS[0]: Linear(2.0), NETWORKS[1]: Linear(-1.0)}
    matches = made(student).tolist()
    assert matches[1] > matches[0]
    loss = distillation({**paths}, board, 0, made).loss(StepView(0, NETWORKS[2], student, images))
    scores, said = student(images.inputs), paths[NETWORKS[1]](images.inputs).softmax(1)
    hard = nn.CrossEntropyLoss(label_smoothing=0.1)(scores, images.labels())
    share = float(torch.tensor(matches[1]).sigmoid())
    soft = -(said * scores.log_softmax(1)).sum(1).mean()
    torch.testing.assert_close(loss, (share * soft + (2 - share) * hard) / 2)
    made.map.weight.data.neg_()
    assert made.choose(student)[0].network == NETWORKS[0]


def test_another_student_may_be_taught_by_another() -> None:
    images, made = batch().inputs, matching(Board(2, (entry(0, 0.9, 1.0), entry(1, 0.8, 1.0))))
    student, other = Linear(2.0), Linear(-2.0)
    for number, teacher in enumerate((student, other)):
        answered(made, number, images[4 * number :][:4], teacher(images[4 * number :][:4]).softmax(1).detach())
    made.map.bias.data.zero_()
    chosen = set()
    for seed in range(20):
        made.map.weight.data = torch.randn(1, 12, generator=torch.Generator().manual_seed(seed))
        chosen.add(tuple(made.choose(net)[0].network for net in (student, other)))
    assert any(mine != its for mine, its in chosen)


def test_answers_follow_their_networks_through_the_board() -> None:
    board = Board(3)
    made = matching(board)
    for number, accuracy in enumerate((0.5, 0.7, 0.6, 0.9)):  # the fourth puts the first out
        before = board.entries
        board.consider(entry(number, accuracy, 1.0))
        made.follow(before, torch.full((2, 1, 12, 12), float(number)), torch.full((2, 3), number / 10))
    assert [one.network for one in board.entries] == [NETWORKS[3], NETWORKS[1], NETWORKS[2]]
    assert made.images[:, 3, 0, 0, 0].tolist() == [3.0, 1.0, 2.0]
    assert made.answers[:, 0, 0].tolist() == pytest.approx([0.3, 0.1, 0.2])


def test_a_teacher_that_helps_is_matched_better_and_one_that_harms_worse() -> None:
    """The gradient of the map is that of a simulated step, as differences of the loss behind it say."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = OneShotSupernet(SPACE, share_depths=True).train()
        made = matching(Board(1, (entry(0, 0.9, 1.0),)))
    net.add_module("matching", made)
    objective, student, images = MatchingLoss(net, made, 0.5, 1), NETWORKS[1], batch()
    view = StepView(0, student, net.path(student), images)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    torch.autograd.backward(objective.of(view))
    gradient, losses = float(made.map.bias.grad or 0), []
    for change in (1e-2, -1e-2):
        made.map.bias.data += change
        losses.append(float(objective.of(view).detach()))
        made.map.bias.data -= change
    assert gradient != 0
    assert gradient == pytest.approx((losses[0] - losses[1]) / 2e-2, rel=0.05)
    after = net.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before if "map.bias" not in name)
    assert all(weight.grad is None for name, weight in net.named_parameters() if not name.startswith("matching."))


@pytest.fixture(params=["cream", "cream-top1"])
def method(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def rater(folder: Path, method: str = "cream-top1", **changes: Any) -> Rater:
    settings = {**CONFIG.model_dump(), **({"matching_every": 2} if method == "cream" else {}), **changes}
    config = load_rater(method).config.model_validate(settings)
    return make_rater(method, SPACE, toy_data(), config, folder, compute=Compute(checkpoint_seconds=0))


def rows(folder: Path) -> list[dict[str, str]]:
    """The networks of the board."""
    with (folder / BOARD).open(newline="") as file:
        return list(csv.DictReader(file))


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


def kill(progress: Progress) -> None:
    if progress.done == 5:
        raise KilledError


def test_a_killed_and_resumed_training_has_the_same_supernet_and_board(tmp_path: Path, method: str) -> None:
    whole = rater(tmp_path / "whole", method)
    whole.train()
    with pytest.raises(KilledError):
        rater(tmp_path / "killed", method).train(kill)
    resumed = rater(tmp_path / "killed", method)
    resumed.train()
    for name in ("one-shot.safetensors", BOARD):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert resumed.score(NETWORKS[:2]) == whole.score(NETWORKS[:2])
    standing = rows(tmp_path / "whole")
    assert len(standing) == CONFIG.board
    assert [float(row["cost"]) for row in standing] == [
        SPACE.sections(SPACE.parse(row["architecture"])).macs for row in standing
    ]
    accuracies = [float(row["accuracy"]) for row in standing]
    assert accuracies == sorted(accuracies, reverse=True)


def test_teaching_changes_what_is_learnt(tmp_path: Path) -> None:
    rater(tmp_path / "taught").train()
    alone = rater(tmp_path / "alone", alone=0.99)  # the board stays empty to the end
    alone.train()
    assert rows(tmp_path / "alone") == []
    weights = [(tmp_path / name / "one-shot.safetensors").read_bytes() for name in ("taught", "alone")]
    assert weights[0] != weights[1]


def test_a_matched_teacher_teaches_something_else_than_the_best_and_its_map_learns(tmp_path: Path) -> None:
    rater(tmp_path / "top1").train()
    rater(tmp_path / "matched", "cream").train()
    rater(tmp_path / "deaf", "cream", matching_rate=1e-9).train()
    top1, matched, deaf = (
        TensorFile.read(tmp_path / name / "one-shot.safetensors").tensors for name in ("top1", "matched", "deaf")
    )
    assert not torch.equal(matched["module.stem.0.0.weight"], top1["module.stem.0.0.weight"])
    assert float((matched["module.matching.map.weight"] - deaf["module.matching.map.weight"]).abs().max()) > 1e-3


def test_costs_are_the_milliseconds_of_a_table_and_other_ones_are_refused(tmp_path: Path) -> None:
    table, other = (random_table(SPACE, random.Random(seed)) for seed in (1, 2))
    table.write(tmp_path / "table.json")
    with pytest.raises(KilledError):
        rater(tmp_path / "run", table=tmp_path / "table.json").train(kill)
    other.write(tmp_path / "table.json")
    with pytest.raises(UsageError, match="the board's costs changed"):
        rater(tmp_path / "run", table=tmp_path / "table.json").train()
    table.write(tmp_path / "table.json")
    rater(tmp_path / "run", table=tmp_path / "table.json").train()
    for row in rows(tmp_path / "run"):
        assert float(row["cost"]) == table.predict(SPACE, SPACE.parse(row["architecture"])).seconds
    with pytest.raises(TableError):
        rater(tmp_path / "none", table=tmp_path / "no-table.json").train()


def test_a_table_of_another_space_is_refused_before_a_step(tmp_path: Path) -> None:
    random_table(SPACE, random.Random(1)).model_copy(update={"space_digest": "sha256:other"}).write(tmp_path / "table.json")
    with pytest.raises(TableError, match="the latency table is for space"):
        rater(tmp_path / "run", table=tmp_path / "table.json").train()
    assert not (tmp_path / "run").exists()
