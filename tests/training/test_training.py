"""Final training: what it resumes, chooses, refuses and leaves behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.splits import Split
from dna_deploy.errors import DivergedError, OutOfMemoryError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.objectives.labels import soft_divergence
from dna_deploy.learning.processes import Processes
from dna_deploy.learning.schedule import warm_cosine
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.learning.train import TrainingPlan
from dna_deploy.nets.network import Network
from dna_deploy.nets.teachers.teacher import load_teacher
from dna_deploy.progress import Progress, silent
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.spaces.scaling import largest
from dna_deploy.tasks.classification import Classification
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.config import TeacherConfig, TrainingConfig, usual_epochs
from dna_deploy.training.fit import Run, begin, fit
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.teacher import train_teacher
from dna_deploy.training.teachers import make_teacher
from tests.learning.gradients import check_portions
from tests.toy import SPACE, toy_data, toy_teacher
from tests.training.made import ARCHITECTURE, CONFIG, SAVING, train


def test_a_network_learns_what_can_be_learnt(tmp_path: Path) -> None:
    config = TrainingConfig(recipe=Recipe(epochs=12, batch=16, learning_rate=1e-2))
    trained = train_architecture(SPACE, ARCHITECTURE, toy_data(), config, tmp_path, teacher=toy_teacher())
    assert trained.validation[0].value > 0.8


def test_the_record_tells_what_the_weights_do(tmp_path: Path) -> None:
    data = toy_data()
    trained = train_architecture(SPACE, ARCHITECTURE, data, CONFIG, tmp_path)
    network = Network(SPACE, SPACE.parse(trained.architecture))
    network.load_state_dict(dict(TensorFile.read(tmp_path / trained.weights).tensors))
    assert (measure_accuracy(network, data.validation, data),) == trained.validation
    assert (measure_accuracy(network, data.test, data),) == trained.test
    assert TrainedNetwork.read(tmp_path / "trained-network.json") == trained


def test_the_best_epoch_is_kept_not_the_last(tmp_path: Path) -> None:
    wild = TrainingConfig(recipe=Recipe(epochs=6, batch=16, learning_rate=0.3, warm_up=0.9))
    seen: list[str] = []
    trained = train_architecture(SPACE, ARCHITECTURE, toy_data(), wild, tmp_path, on_progress=lambda p: seen.append(p.remark))
    assert f"best {trained.validation[0].value:.2%}" in seen[-1]
    assert TensorFile.read(tmp_path / "best.safetensors").facts["epoch"] == trained.best_epoch


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


@pytest.mark.parametrize("step", [1, 3, 4, 8])
def test_a_resumed_training_ends_with_the_same_weights(tmp_path: Path, step: int) -> None:
    def kill(progress: Progress) -> None:
        if progress.done == step:
            raise KilledError

    whole = train(tmp_path / "whole", teacher=toy_teacher())
    with pytest.raises(KilledError):
        train_architecture(
            SPACE,
            ARCHITECTURE,
            toy_data(),
            CONFIG,
            tmp_path / "killed",
            teacher=toy_teacher(),
            on_progress=kill,
            compute=SAVING,
        )
    resumed = train(tmp_path / "killed", teacher=toy_teacher())
    assert resumed.weights_digest == whole.weights_digest


def test_a_finished_training_is_not_done_again(tmp_path: Path) -> None:
    first = train(tmp_path)
    heard: list[Progress] = []
    again = train(tmp_path, on_progress=heard.append)
    assert (again, heard) == (first, [])


def test_a_folder_that_cannot_be_written_is_refused_before_a_step_is_taken(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    heard: list[Progress] = []
    with pytest.raises(UsageError, match=r"cannot write to .*file: File exists"):
        train(tmp_path / "file", on_progress=heard.append)
    assert heard == []


def test_another_training_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    train(tmp_path, compute=SAVING)
    other = TrainingConfig(recipe=Recipe(epochs=3, batch=16, seed=1))
    with pytest.raises(UsageError, match="made from other settings"):
        train_architecture(SPACE, ARCHITECTURE, toy_data(), other, tmp_path)


def test_a_loss_that_is_no_number_stops_and_keeps_the_last_good_checkpoint(tmp_path: Path) -> None:
    config = TrainingConfig(recipe=Recipe(epochs=3, batch=16, learning_rate=1e30))
    with pytest.raises(DivergedError, match=r"training: (the loss became|a weight is no longer a number).* at step \d+ of 9"):
        train_architecture(SPACE, ARCHITECTURE, toy_data(), config, tmp_path, compute=SAVING)
    kept = TensorFile.read(tmp_path / "checkpoint.safetensors")
    assert kept.facts["step"] >= 1


def let_memory_hold(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more images than so many can be learnt from at once."""
    forward = Network.forward

    def limited(network: Network, images: torch.Tensor) -> torch.Tensor:
        if network.training and len(images) > most:
            raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 1.50 GiB")
        return forward(network, images)

    monkeypatch.setattr(Network, "forward", limited)


def test_short_memory_is_met_with_portions_and_said_once_and_for_good(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_memory_hold(5, monkeypatch)
    heard: list[Progress] = []
    train(tmp_path, on_progress=heard.append)
    (notice,) = (progress.notice for progress in heard if progress.notice)
    assert notice.startswith("memory is short: batches of 16 are run in portions of 4")
    assert notice in TrainingHistory.read(tmp_path / "training-history.json").measure


def test_memory_that_no_portion_fits_is_an_error_with_a_hint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_memory_hold(1, monkeypatch)
    with pytest.raises(OutOfMemoryError, match="training with batches of 2 images does not fit in memory") as caught:
        train(tmp_path)
    assert "take a smaller batch" in caught.value.hint


@pytest.mark.parametrize("accumulate", [1, 2])
def test_gradients_of_portions_add_up_to_those_of_the_batch(tmp_path: Path, accumulate: int) -> None:
    recipe, run = Recipe(batch=16, accumulate=accumulate, mixup=0.2), Run("it", "it", tmp_path, Compute())
    plan = TrainingPlan("it", Portions("it", 16), Compute(), accumulate)
    state, _ = begin(Network(SPACE, ARCHITECTURE), toy_data(), recipe, run, plan, Classification(), toy_teacher())
    check_portions(state, accumulate)


class TwoOnPaper(Processes):
    """Two processes, of which the other one is not there."""

    def joined(self, network: torch.nn.Module) -> torch.nn.Module:
        return network


def test_processes_take_no_portions_since_others_would_wait_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    let_memory_hold(1, monkeypatch)
    run = Run("training", "it", tmp_path, Compute())
    with pytest.raises(OutOfMemoryError, match="training with batches of 8 images does not fit in memory"):
        fit(Network(SPACE, ARCHITECTURE), toy_data(), Recipe(batch=16), run, on_progress=silent, processes=TwoOnPaper(count=2))


def test_a_teacher_trained_here_resumes_and_loads(tmp_path: Path) -> None:
    config = TeacherConfig(name="residual", recipe=Recipe(epochs=2, batch=16))
    path = train_teacher(config, SPACE, toy_data(), tmp_path)
    assert train_teacher(config, SPACE, toy_data(), tmp_path) == path
    teacher = load_teacher(path)
    teacher.check_fits(SPACE)
    assert make_teacher(TeacherConfig(name=str(path)), SPACE, toy_data(), tmp_path) == path


def test_the_largest_network_of_a_space_teaches_it_and_resumes(tmp_path: Path) -> None:
    config = TeacherConfig(name="largest", recipe=Recipe(epochs=1, batch=16))
    path = make_teacher(config, SPACE, toy_data(), tmp_path)
    written = path.read_bytes()
    assert make_teacher(config, SPACE, toy_data(), tmp_path).read_bytes() == written
    teacher = load_teacher(path)
    teacher.check_fits(SPACE)
    assert [shape.channels for shape in teacher.shapes] == [shape.channels for shape in SPACE.outputs(largest(SPACE))]


def test_few_images_teach_for_more_epochs() -> None:
    assert usual_epochs(20_000, 64) == usual_epochs(4_032, 64) == 4
    assert [usual_epochs(images, 64) for images in (1, 3, 64, 127, 640)] == [250, 250, 250, 250, 25]
    for images, batch in ((3, 64), (100, 64), (500, 64), (500, 16), (1_000, 256)):
        split = Split(toy_data().train.source, torch.zeros(images, dtype=torch.int64))
        steps = TrainingBatches(split, toy_data().normalisation, lambda pixels, _: pixels, batch, 0).steps_per_epoch
        epochs = TeacherConfig(recipe=Recipe(batch=batch)).for_images(images).recipe.epochs
        assert 250 <= epochs * steps < 250 + steps


def test_a_teacher_of_few_images_says_for_how_long_it_learns() -> None:
    words = TeacherConfig().epochs_notice(3)
    assert "250 epochs" in words
    assert "3 images are 1 step(s)" in words
    for config, images in (
        (TeacherConfig(), 20_000),
        (TeacherConfig(recipe=Recipe(epochs=7)), 3),
        (TeacherConfig(name="t:x"), 3),
    ):
        assert config.epochs_notice(images) == ""


def test_soft_targets_vanish_where_scores_agree_and_grow_with_disagreement() -> None:
    scores = torch.tensor([[2.0, 0.0, -1.0]])
    assert float(soft_divergence(scores, scores + 5.0, 2.0)) == pytest.approx(0, abs=1e-6)
    assert float(soft_divergence(scores, -scores, 2.0)) > float(soft_divergence(scores, scores * 0.5, 2.0)) > 0


def test_soft_targets_equal_the_textbook_divergence() -> None:
    found, wanted = torch.randn(4, 5), torch.randn(4, 5)
    p, q = (wanted / 3).softmax(1), (found / 3).softmax(1)
    expected = (p * (p / q).log()).sum(1).mean() * 9
    torch.testing.assert_close(soft_divergence(found, wanted, 3.0), expected)


def test_the_learning_rate_rises_and_ends_near_zero() -> None:
    rates = [warm_cosine(step, 100, 0.1) for step in range(100)]
    assert rates[0] < rates[5] < rates[10] == max(rates) == 1
    assert rates[99] < 1e-3


SCRIPT = """
import os, signal, sys
from pathlib import Path
from tests.training.made import SAVING, train

def stop(progress):
    if progress.done == int(sys.argv[2]):
        os.kill(os.getpid(), int(sys.argv[3]))

train(Path(sys.argv[1]), on_progress=stop, compute=SAVING)
"""


@pytest.mark.slow
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_process_that_is_killed_or_interrupted_goes_on(tmp_path: Path, how: signal.Signals) -> None:
    whole = train(tmp_path / "whole")
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "killed"), "5", str(int(how))]
    ran = subprocess.run(
        command, check=False, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
    )
    assert ran.returncode == -how if how == signal.SIGKILL else "KeyboardInterrupt" in ran.stderr
    assert TensorFile.read(tmp_path / "killed" / "checkpoint.safetensors").facts["step"] >= 5
    assert train(tmp_path / "killed").weights_digest == whole.weights_digest
