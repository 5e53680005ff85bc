"""Candidates learn from the original, without labels: each to emit what its unit emits, for what the unit receives.

The original runs once a batch, whatever number of candidates learns from it. Units know nothing of each other, so that each
has its own checkpoint, and it makes no difference which are trained together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from dna_deploy.data.batches import TrainingBatches
from dna_deploy.fit.candidates import KEEP, SKIP, Candidates
from dna_deploy.fit.features import UnitFeatures
from dna_deploy.fit.judging import relative_error, spread_of
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.learning.checkpoint import Checkpoint
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.memory import Portions
from dna_deploy.learning.phase import Phase, StepView
from dna_deploy.learning.schedule import adam, cosine_rate
from dna_deploy.learning.state import TrainingState
from dna_deploy.learning.train import TrainingPlan, train
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import digest_of

_NAME = "training units"


@dataclass(frozen=True)
class UnitTraining:
    """How long candidates learn, and how fast."""

    steps: int
    learning_rate: float = 1e-3


@dataclass(frozen=True)
class UnitImitation:
    """The error of every candidate of a unit, relative to the spread of each channel."""

    path: str
    measure: str = "squared error to what the unit emits, relative to each channel's variance, mean over candidates"

    def loss(self, view: StepView) -> torch.Tensor:
        """The mean over candidates, ``()``."""
        x, y = view.features[self.path]
        assert isinstance(view.network, nn.ModuleList)
        errors = [relative_error(candidate(x.clone()), y, spread_of([y])).mean() for candidate in view.network]
        return torch.stack(errors).mean()


def distil(
    network: UnitNetwork,
    candidates: Mapping[str, Candidates],
    batches: TrainingBatches,
    training: UnitTraining,
    folder: Path,
    *,
    compute: Compute | None = None,
    on_progress: OnProgress = silent,
) -> None:
    """Trains all candidates in place but those that keep or leave out their unit; the same folder resumes.

    Args:
        network: The original.
        candidates: By path.
        batches: Images of its own.
        training: How long.
        folder: Of checkpoints and histories, one a unit.
        compute: Where.
        on_progress: Hears of every step.

    Raises:
        DivergedError: a loss is no longer a number.
    """
    compute = compute or Compute()
    learning = {path: nn.ModuleList(_learning(each)) for path, each in candidates.items() if _learning(each)}
    features = UnitFeatures(network, tuple(learning))
    states = [
        _state(path, modules, features, batches, training, folder / path.replace(":", "-"), compute)
        for path, modules in learning.items()
    ]
    with compute.limited_threads():
        train(states, TrainingPlan(_NAME, Portions(_NAME, batches.size), compute), on_progress)
    for modules in learning.values():
        modules.eval().requires_grad_(False)


def _learning(candidates: Candidates) -> list[nn.Module]:
    has_weights: Callable[[nn.Module], bool] = lambda module: any(True for _ in module.parameters())  # noqa: E731
    return [each.module for each in candidates.there if each.code not in (KEEP, SKIP) and has_weights(each.module)]


def _state(
    path: str,
    modules: nn.ModuleList,
    features: UnitFeatures,
    batches: TrainingBatches,
    training: UnitTraining,
    folder: Path,
    compute: Compute,
) -> TrainingState:
    """The candidates of a unit under training, as they were saved."""
    modules.to(compute.device).eval().requires_grad_(True)  # statistics of a batch would undo what least squares have fitted
    weights = b"".join(tensor.contiguous().cpu().numpy().tobytes() for tensor in modules.state_dict().values())
    facts = f"{path} {training} {batches.seed} {batches.size} {batches.augmentation} {len(batches.split)}"
    phase = Phase(
        objectives=[UnitImitation(path)],
        group=modules,
        optimiser=adam(modules, training.learning_rate, 0.0),
        rate=cosine_rate(training.learning_rate, training.steps),
        batches=batches,
        histories={path: folder / "training-history.json"},
        features=features,
    )
    checkpoint = Checkpoint(folder / "checkpoint.safetensors", digest_of(f"{facts} {digest_of(weights)}".encode()))
    return TrainingState(path, modules, [phase], training.steps, checkpoint, compute)
