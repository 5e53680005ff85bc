"""A small network with weights that do something: an untrained one maps every image to nearly the same scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file

from dna_deploy.nets.network import Network
from dna_deploy.spaces.architecture import Architecture
from tests.spaces.chains import FASHION

TINY = "24:k3e1/40:k5e3,p1/80:k3e3"


def tiny() -> Architecture:
    return FASHION.parse(TINY)


def images(count: int = 32, seed: int = 0) -> np.ndarray:
    """(count, 1, 28, 28)."""
    return np.random.default_rng(seed).standard_normal((count, 1, 28, 28), dtype=np.float32)


def lively_weights(path: Path, architecture: Architecture, seed: int = 0) -> Path:
    """Weights whose batch norms saw some images, so that scores differ from image to image."""
    torch.manual_seed(seed)
    network = Network(FASHION, architecture).train()
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.momentum = None  # a plain average, so that a few batches are enough
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.normal_(module.bias, std=0.2)
    with torch.no_grad():
        for batch in range(3):
            network(torch.from_numpy(images(64, batch)))
    save_file(network.state_dict(), path)
    return path
