"""The loop with phases that nobody wrote for it: a sampler, objectives, two groups of parameters, two splits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.data.augmentation import Augmentation
from dna_deploy.data.batches import TrainingBatches
from dna_deploy.data.randomness import generator
from dna_deploy.errors import DivergedError, UsageError
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.compute import Compute, TrainingPrecision
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.phase import Callback, Phase, StepView
from dna_deploy.learning.schedule import adam, cosine_rate
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.training_history import TrainingHistory
from tests.toy import toy_data

STEPS = 6


class Experts(nn.Module):
    """Three linear classifiers, of which a path runs one, and a temperature that another phase learns."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.experts = nn.ModuleList(nn.Linear(144, 4) for _ in range(3))
        self.temperature = nn.Linear(1, 1)

    def path(self, number: int) -> nn.Module:
        return nn.Sequential(nn.Flatten(), self.experts[number])


class AnyExpert:
    def draw(self, step: int) -> int:
        return int(torch.randint(3, (), generator=generator(7, "expert", step)))


@dataclass(frozen=True)
class Labels:
    measure: str = "cross entropy"

    def loss(self, view: StepView) -> torch.Tensor:
        return F.cross_entropy(view.network(view.batch.inputs).float(), view.batch.labels())


@dataclass(frozen=True)
class Warmth:
    """Learns from held-out images how much the experts' scores are worth; the experts stay as they are."""

    experts: Experts
    measure: str = "cross entropy of warmed scores"

    def loss(self, view: StepView) -> torch.Tensor:
        with torch.no_grad():
            scores = self.experts.path(view.path)(view.batch.inputs)
        return F.cross_entropy((scores * view.network(torch.ones(1, 1))).float(), view.batch.labels())


class Count(Callback):
    steps = 0

    def after_step(self, step: int) -> None:
        self.steps += 1

    def facts(self) -> dict[str, Any]:
        return {"counted": self.steps}

    def restore(self, facts: Mapping[str, Any]) -> None:
        self.steps = facts.get("counted", 0)


Begun = tuple[TrainingState, Count]


def begin(folder: Path, identity: str = "it", precision: TrainingPrecision = "float32", rate: float = 0.01) -> Begun:
    experts, data, count = Experts(), toy_data(), Count()
    batches = [
        TrainingBatches(s, data.normalisation, Augmentation(shift=0, flip=False), 16, 0) for s in (data.train, data.validation)
    ]

    def phase(objective: Labels | Warmth, group: nn.Module, number: int, **how: Any) -> Phase:
        history = {objective.measure: folder / f"history-{number}.json"}
        return Phase([objective], group, adam(group, rate, 0.0), cosine_rate(rate, STEPS), batches[number], history, **how)

    weights = phase(Labels(), experts.experts, 0, sampler=AnyExpert(), network=experts.path)
    warmth = phase(Warmth(experts), experts.temperature, 1, sampler=AnyExpert())
    checkpoint, compute = Checkpoint(folder / "experts.safetensors", identity), Compute(precision=precision)
    return TrainingState("experts", experts, [weights, warmth], STEPS, checkpoint, compute, [count]), count


def run(folder: Path, on_progress: OnProgress = silent, **how: Any) -> Begun:
    state, count = begin(folder, **how)
    compute = Compute(checkpoint_seconds=0, precision=how.get("precision", "float32"))
    train([state], TrainingPlan("experts", Portions("training experts", 16), compute), on_progress)
    return state, count


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


def kill(progress: Progress) -> None:
    if progress.done == 4:
        raise KilledError


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
def test_two_phases_resume_to_the_very_weights_histories_and_facts(tmp_path: Path, precision: TrainingPrecision) -> None:
    whole, _ = run(tmp_path / "whole", precision=precision)
    with pytest.raises(KilledError):
        run(tmp_path / "killed", kill, precision=precision)
    resumed, count = run(tmp_path / "killed", precision=precision)
    assert count.steps == STEPS
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(resumed.module.state_dict()[name], tensor), name
    for number in (0, 1):
        read = [TrainingHistory.read(tmp_path / of / f"history-{number}.json") for of in ("whole", "killed")]
        assert read[0].model_dump(exclude={"provenance"}) == read[1].model_dump(exclude={"provenance"})
        assert read[0].learning_rates[0] == 0.01


def test_a_phase_changes_its_own_group_by_its_own_split_alone(tmp_path: Path) -> None:
    before, (state, _) = Experts(), run(tmp_path)
    learnt = dict(state.module.named_parameters())
    drawn = {AnyExpert().draw(step) for step in range(STEPS)}
    for number, expert in enumerate(before.experts):
        assert torch.equal(learnt[f"experts.{number}.weight"], expert.weight) == (number not in drawn)
    assert not torch.equal(learnt["temperature.weight"], before.temperature.weight)
    alone = Experts()
    moments = torch.optim.Adam(alone.experts.parameters())
    data = toy_data()
    batches = TrainingBatches(data.train, data.normalisation, Augmentation(shift=0, flip=False), 16, 0)
    for step in range(STEPS):  # written out by hand, without the loop
        moments.param_groups[0]["lr"] = cosine_rate(0.01, STEPS)(step)
        moments.zero_grad()
        F.cross_entropy(alone.path(AnyExpert().draw(step))(batches.at(step).inputs), batches.at(step).labels()).backward()
        moments.step()
    for number, expert in enumerate(alone.experts):
        assert torch.equal(learnt[f"experts.{number}.weight"], expert.weight)


def test_a_caller_that_wants_no_gradients_trains_all_the_same(tmp_path: Path) -> None:
    plain, _ = run(tmp_path / "plain")
    with torch.no_grad():
        inside, _ = run(tmp_path / "inside")
        assert not torch.is_grad_enabled()
    for name, tensor in plain.module.state_dict().items():
        assert torch.equal(inside.module.state_dict()[name], tensor), name


def test_progress_tells_the_loss_of_every_phase(tmp_path: Path) -> None:
    heard: list[Progress] = []
    run(tmp_path, heard.append)
    assert [progress.done for progress in heard] == list(range(1, STEPS + 1))
    told = [float(progress.remark.split()[2]) for progress in heard]
    losses = [point.loss for point in TrainingHistory.read(tmp_path / "history-1.json").losses]
    assert told == pytest.approx(losses, abs=5e-4)


def test_a_phase_that_diverges_is_named_and_not_saved(tmp_path: Path) -> None:
    with pytest.raises(DivergedError, match=r"experts: (the loss became|a weight is no longer a number)"):
        run(tmp_path, rate=1e36)
    path = tmp_path / "experts.safetensors"
    assert not path.exists() or all(bool(tensor.isfinite().all()) for tensor in TensorFile.read(path).tensors.values())


def test_a_checkpoint_of_another_training_is_refused(tmp_path: Path) -> None:
    run(tmp_path)
    with pytest.raises(UsageError, match="made from other settings"):
        begin(tmp_path, identity="another")
