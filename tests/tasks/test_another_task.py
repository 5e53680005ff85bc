"""The task of the example package: its loss, its metric, lower is better, from training to card; no line of ours knows it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.export.delivery import deliver
from dna_deploy.export.source import Source
from dna_deploy.learning.history import FILE_NAME
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.nets.network import Network
from dna_deploy.records.model_card import Absent, Parity
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.tasks import TASKS, load_task
from dna_deploy.training.accuracy import measure
from dna_deploy.training.config import WEIGHTS, TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe
from tests.toy import SPACE, toy_data

EXAMPLE = Path(__file__).parents[2] / "examples" / "ghost"
RECIPE = Recipe(epochs=4, batch=16, learning_rate=0.01)
NETWORK = SPACE.parse("8:k3e1/12:k3e1/16:k3e1,p1")


@pytest.fixture(autouse=True)
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As if the example package were installed."""
    monkeypatch.syspath_prepend(EXAMPLE)
    monkeypatch.setitem(TASKS, "ordinal", "dna_deploy_ghost.task:Ordinal")
    yield
    for name in [name for name in sys.modules if name.startswith("dna_deploy_ghost")]:
        del sys.modules[name]


def headed() -> HeadedSpace:
    """The toy space with a threshold between each two of three classes."""
    return SPACE.with_head(load_task("ordinal").head(SPACE, 3))


def train(folder: Path, recipe: Recipe = RECIPE) -> TrainedNetwork:
    return train_architecture(headed(), NETWORK, toy_data(), TrainingConfig(recipe=recipe, task="ordinal"), folder)


def test_the_best_epoch_is_that_of_the_lowest_error(tmp_path: Path) -> None:
    trained, history = train(tmp_path), TrainingHistory.read(tmp_path / FILE_NAME)
    assert (headed().out_channels, headed().digest) == (2, SPACE.digest)
    assert "at every threshold" in history.measure
    scored = {(metric.name, metric.better) for score in history.scores for metric in score.metrics}
    assert scored == {("mean absolute error", "lower")}
    values = [score.metrics[0].value for score in history.scores]
    assert min(values) < max(values)
    assert trained.best_epoch == values.index(min(values)) + 1
    assert (trained.task, trained.validation[0].value, len(trained.test)) == ("ordinal", min(values), 1)


def test_what_is_kept_is_the_network_that_was_judged(tmp_path: Path) -> None:
    trained, network = train(tmp_path), Network(headed(), NETWORK)
    network.load_state_dict(dict(TensorFile.read(tmp_path / WEIGHTS).tensors))
    assert measure(network, toy_data().validation, toy_data(), load_task("ordinal")) == trained.validation
    assert measure(network, toy_data().test, toy_data(), load_task("ordinal")) == trained.test


def test_a_recipe_that_mixes_classes_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="'ordinal' knows no shares of classes"):
        train(tmp_path, RECIPE.model_copy(update={"mixup": 0.2}))


def test_a_head_for_another_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="3 classes"):
        train_architecture(SPACE, NETWORK, toy_data(), TrainingConfig(recipe=RECIPE, task="ordinal"), tmp_path)


@pytest.mark.slow
def test_its_card_tells_its_metric_of_the_exported_file(tmp_path: Path) -> None:
    trained, data = train(tmp_path / "trained"), toy_data()
    source = Source(
        headed(), NETWORK, tmp_path / "trained" / WEIGHTS, task=trained.task, labels=data.classes,
        mean=data.normalisation.mean, deviation=data.normalisation.deviation,
    )  # fmt: skip
    card = deliver(source, tmp_path / "out", data=data).card
    assert not isinstance(card.metrics, Absent)
    assert isinstance(card.parity, Parity)
    assert [(metric.name, metric.value) for metric in card.metrics] == [("mean absolute error", trained.test[0].value)]
    assert all(judge.agreement == 1 for judge in card.parity.judges)
    assert "mean absolute error" in (tmp_path / "out" / "model.card.md").read_text().lower()


def test_heads_and_names_of_tasks_need_no_torch() -> None:
    """A device without torch tells what a table is of."""
    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from dna_deploy.tasks import load_task; from dna_deploy.spaces.catalog import find_chain\n"
        "from dna_deploy.spaces.heads import describe_head\n"
        "print(describe_head(load_task('classification').head(find_chain('fashion'), 7)))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert said.stdout.strip() == "head(hidden_channels=160,activation=silu)->7/1", said.stderr
