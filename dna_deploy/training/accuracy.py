"""How often a network is right on some images."""

from __future__ import annotations

import torch
from torch import nn

from dna_deploy.data.batches import in_order
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.records.score import ACCURACY, Metric, share


@torch.no_grad()
def measure_accuracy(network: nn.Module, split: Split, data: ImageData, device: str = "cpu", batch: int = 250) -> Metric:
    """The accuracy of ``network``, in inference mode, on every image of a split."""
    was_training = network.training
    network.eval()
    correct = sum(
        int((network(images.inputs).argmax(1) == images.labels()).sum()) for images in in_order(split, data, batch, device)
    )
    network.train(was_training)
    return share(ACCURACY, correct, len(split))
