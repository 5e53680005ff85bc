"""A block-wise rating of the toy space, as tests of its parts begin it."""

from __future__ import annotations

from pathlib import Path

import torch

from dna_deploy.data.batches import in_order
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.rating.raters.dna.work import BlockWork
from tests.toy import CONFIG, SPACE, toy_data, toy_teacher


class KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


def work(folder: Path, **changes: object) -> BlockWork:
    values = {
        "method": "dna",
        "space": SPACE,
        "teacher": toy_teacher(),
        "data": toy_data(),
        "config": CONFIG,
        "folder": folder,
        "identity": "toy",
        "compute": Compute(),
    }
    return BlockWork(**{**values, **changes})  # type: ignore[arg-type]


def some_features(block: int) -> tuple[torch.Tensor, torch.Tensor]:
    """A teacher's features before and after a block; before block 0 are images."""
    data = toy_data()
    batch = next(in_order(data.rating, data, 40))
    features = [batch.inputs, *toy_teacher().features(batch.inputs)]
    return features[block], features[block + 1]


def identity_in(folder: Path) -> str:
    """Whose supernets a folder holds."""
    return str(TensorFile.read(folder / "supernet-1.safetensors").facts["identity"])
