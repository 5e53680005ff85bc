"""Recipes: every part of them resumes, several processes learn what one does, and histories tell how it went."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.errors import UsageError
from dna_deploy.learning.schedule import warm_cosine
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.network import Network
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.batches import recipe_batches
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.dropping import drop_parts
from dna_deploy.training.network import Start, train_architecture
from dna_deploy.training.presets import IMAGENET, SHORT, FinalRecipe
from dna_deploy.training.recipe import Recipe
from dna_deploy.training.schedule import learning_rates
from tests.toy import SPACE, toy_data
from tests.training.made import ARCHITECTURE, SAVING, TWO_PIECES, train_recipe

EVERYTHING = Recipe(
    epochs=2, batch=16, optimiser="rmsproptf", schedule="step", decay_epochs=1, label_smoothing=0.1, ema=0.9, rand_augment=9,
    mixup=0.2, cutmix=1.0, dropout=0.2, drop_path=0.2, amp="fp16", accumulate=2, learning_rate=0.01,
    augmentation=Augmentation(crop=0.5),
)  # fmt: skip


def history_of(folder: Path) -> dict[str, object]:
    return TrainingHistory.read(folder / "training-history.json").model_dump(exclude={"provenance"})


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.*lr_scheduler")
def test_a_resumed_training_with_everything_on_ends_with_the_same_weights_and_history(tmp_path: Path) -> None:
    whole = train_recipe(tmp_path / "whole", EVERYTHING)
    assert whole is not None
    assert train_recipe(tmp_path / "stopped", EVERYTHING, stop_at=4) is None
    kept = TensorFile.read(tmp_path / "stopped" / "checkpoint.safetensors")
    assert kept.facts["scaler"]["scale"] > 0
    assert any(name.startswith("module.average.") for name in kept.tensors)
    resumed = train_recipe(tmp_path / "stopped", EVERYTHING)
    assert resumed is not None
    assert resumed.weights_digest == whole.weights_digest
    assert history_of(tmp_path / "stopped") == history_of(tmp_path / "whole")


def test_the_history_tells_every_loss_rate_and_score(tmp_path: Path) -> None:
    said: list[str] = []
    config = TrainingConfig(recipe=Recipe(epochs=3, batch=16))
    trained = train_architecture(
        SPACE, ARCHITECTURE, toy_data(), config, tmp_path, on_progress=lambda progress: said.append(progress.remark)
    )
    history = TrainingHistory.read(tmp_path / "training-history.json")
    assert (history.subject, history.steps, history.steps_per_epoch) == ("network", 9, 3)
    assert [f"loss {point.loss:.3f}" for point in history.losses] == [remark.split(",")[0] for remark in said]
    assert [score.epoch for score in history.scores] == [1, 2, 3]
    assert max(score.metrics[0].value for score in history.scores) == trained.validation[0].value
    assert max(history.learning_rates) == pytest.approx(config.recipe.learning_rate, rel=0.1)


def test_the_running_mean_of_the_weights_is_what_is_judged_and_kept(tmp_path: Path) -> None:
    trained = train_recipe(tmp_path, Recipe(epochs=2, batch=16, ema=0.9))
    assert trained is not None
    network = Network(SPACE, ARCHITECTURE)
    network.load_state_dict(dict(TensorFile.read(tmp_path / trained.weights).tensors))
    assert (measure_accuracy(network, toy_data().validation, toy_data()),) == trained.validation
    kept = TensorFile.read(tmp_path / "checkpoint.safetensors").tensors
    if trained.best_epoch == 2:
        name = "head.0.classifier.weight"
        torch.testing.assert_close(network.state_dict()[name], kept[f"module.average.{name}"])
        assert not torch.equal(network.state_dict()[name], kept[f"module.network.{name}"])


def test_a_training_begins_where_it_is_told_to_and_says_so(tmp_path: Path) -> None:
    start, config = Start(Network(SPACE, ARCHITECTURE), "elsewhere"), TrainingConfig(recipe=Recipe(epochs=1, batch=16))
    still = config.model_copy(update={"recipe": config.recipe.model_copy(update={"learning_rate": 1e-12})})
    trained = train_architecture(SPACE, ARCHITECTURE, toy_data(), still, tmp_path, start=start, compute=SAVING)
    found = TensorFile.read(tmp_path / trained.weights).tensors
    for name, weights in start.network.named_parameters():
        torch.testing.assert_close(found[name], weights.detach())
    assert trained.recipe["start"] == "elsewhere"
    with pytest.raises(UsageError, match="made from other settings"):
        train_architecture(SPACE, ARCHITECTURE, toy_data(), still, tmp_path, compute=SAVING)


TORCHRUN = """
import sys
from pathlib import Path
from tests.training.made import TWO_PIECES, train_recipe

train_recipe(Path(sys.argv[1]), TWO_PIECES.model_copy(update={"accumulate": 1}))
"""


@pytest.mark.slow
def test_two_processes_learn_what_one_does_from_the_same_batches(tmp_path: Path) -> None:
    train_recipe(tmp_path / "one", TWO_PIECES)
    script = tmp_path / "script.py"
    script.write_text(TORCHRUN)
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    ran = subprocess.run([*command, str(tmp_path / "two")], check=False, capture_output=True, text=True, env=environment)
    assert ran.returncode == 0, ran.stderr
    one, two = (TensorFile.read(tmp_path / name / "checkpoint.safetensors").tensors for name in ("one", "two"))
    learnt = [name for name, _ in Network(SPACE, ARCHITECTURE).named_parameters()]
    for name in learnt:
        for kind in ("network", "average"):
            torch.testing.assert_close(one[f"module.{kind}.{name}"], two[f"module.{kind}.{name}"], rtol=1e-3, atol=1e-5)
    histories = [history_of(tmp_path / name) for name in ("one", "two")]
    losses = [[point["loss"] for point in history["losses"]] for history in histories]  # type: ignore[attr-defined]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_the_pieces_of_a_batch_are_the_batch() -> None:
    batches = recipe_batches(toy_data(), Recipe(batch=16, augmentation=Augmentation(shift=0, flip=False)))
    halves, whole = [batches.at(5, piece, 2) for piece in range(2)], batches.at(5)
    torch.testing.assert_close(torch.cat([half.inputs for half in halves]), whole.inputs)
    torch.testing.assert_close(torch.cat([half.labels() for half in halves]), whole.labels())


@pytest.mark.parametrize("changes", [{"mixup": 0.5}, {"cutmix": 1.0}, {"mixup": 0.5, "cutmix": 1.0, "rand_augment": 20}])
def test_mixed_batches_share_out_whole_labels_and_are_the_same_every_time(changes: dict[str, float]) -> None:
    batches = recipe_batches(toy_data(), Recipe.model_validate({"batch": 16, **changes}))
    first, again, other = batches.at(3), batches.at(3), batches.at(4)
    torch.testing.assert_close(first.labels().sum(1), torch.ones(16))
    assert torch.equal(first.inputs, again.inputs)
    assert torch.equal(first.labels(), again.labels())
    assert not torch.equal(first.inputs, other.inputs)
    torch.testing.assert_close(torch.cat([portion.labels() for portion in first.portions(3)]), first.labels())


def test_dropping_happens_in_training_alone_and_changes_no_name() -> None:
    network, images = Network(SPACE, ARCHITECTURE), torch.randn(8, *(1, 12, 12))
    names, before = list(network.state_dict()), network.eval()(images)
    drop_parts(network, Recipe(dropout=0.5, drop_path=0.5))
    assert list(network.state_dict()) == names
    assert torch.equal(network.eval()(images), before)
    network.train()
    assert not torch.equal(network(images), network(images))


def rates(recipe: Recipe, total: int, steps_per_epoch: int) -> list[float]:
    return list(map(learning_rates(recipe, total, steps_per_epoch), range(total)))


@pytest.mark.parametrize("total", [7, 100, 333])
def test_the_cosine_is_the_one_that_ratings_use(total: int) -> None:
    found = rates(SHORT, total, 10)
    assert found == pytest.approx([SHORT.learning_rate * warm_cosine(step, total, 0.1) for step in range(total)], abs=1e-12)


def test_the_imagenet_preset_falls_by_3_percent_every_2_4_epochs_after_5_epochs_of_warm_up() -> None:
    per_epoch = 10
    found = rates(IMAGENET, 500 * per_epoch, per_epoch)
    assert max(found) == found[5 * per_epoch] == 0.256
    assert found[0] < 0.01
    assert found[5 * per_epoch + 23] == 0.256
    assert found[5 * per_epoch + 24] == pytest.approx(0.256 * 0.97)
    assert found[-1] == pytest.approx(0.256 * 0.97 ** (494.9 // 2.4))
    assert IMAGENET.piece(processes=32) == 64, "as the authors divided it"


def test_what_a_recipe_does_not_use_is_not_in_its_name() -> None:
    said = json.loads(Recipe().model_dump_json())
    assert list(said) == [
        "epochs", "batch", "learning_rate", "weight_decay", "warm_up", "label_smoothing", "teacher_weight", "temperature",
        "augmentation", "seed",
    ]  # fmt: skip
    assert Recipe.model_validate_json(EVERYTHING.model_dump_json()) == EVERYTHING


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"preset": "imagnet"}, "there is no preset 'imagnet'", "did you mean 'imagenet'?"),
        ({"batch": 63, "accumulate": 2}, "a batch of 63 images cannot be divided", "two images a piece"),
    ],
)
def test_a_recipe_that_cannot_be_is_named(values: dict[str, object], message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        FinalRecipe.model_validate(values)
    assert message in caught.value.message
    assert hint in caught.value.hint
