"""Trainings as small as they can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dna_deploy.learning.compute import Compute
from dna_deploy.progress import Progress
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe
from tests.toy import SPACE, toy_data

ARCHITECTURE = SPACE.parse("8:k3e1,p1/12:k5e2/16:k5e2,k3e1")
CONFIG = TrainingConfig(recipe=Recipe(epochs=3, batch=16))
SAVING = Compute(checkpoint_seconds=0)
TWO_PIECES = Recipe(epochs=2, batch=16, accumulate=2, mixup=0.2, ema=0.9)


def train(folder: Path, **how: Any) -> TrainedNetwork:
    """The toy network, trained in a folder."""
    return train_architecture(SPACE, ARCHITECTURE, toy_data(), CONFIG, folder, **how)


def train_recipe(folder: Path, recipe: Recipe, stop_at: int = 0) -> TrainedNetwork | None:
    """The toy network, trained in a folder; None where it was stopped."""

    class StoppedError(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.done == stop_at:
            raise StoppedError

    try:
        return train_architecture(
            SPACE, ARCHITECTURE, toy_data(), TrainingConfig(recipe=recipe), folder, on_progress=stop, compute=SAVING
        )
    except StoppedError:
        return None
