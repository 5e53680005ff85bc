"""Trainings as small as they can be."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dna_deploy.learning.compute import Compute
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture
from dna_deploy.training.recipe import Recipe
from tests.toy import SPACE, toy_data

ARCHITECTURE = SPACE.parse("8:k3e1,p1/12:k5e2/16:k5e2,k3e1")
CONFIG = TrainingConfig(recipe=Recipe(epochs=3, batch=16))
SAVING = Compute(checkpoint_seconds=0)


def train(folder: Path, **how: Any) -> TrainedNetwork:
    """The toy network, trained in a folder."""
    return train_architecture(SPACE, ARCHITECTURE, toy_data(), CONFIG, folder, **how)
