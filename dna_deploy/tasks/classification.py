"""One of several classes an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from dna_deploy.records.score import ACCURACY, Metrics, share
from dna_deploy.tasks.task import Activation

if TYPE_CHECKING:
    import torch

    from dna_deploy.spaces.block import FixedLayer
    from dna_deploy.spaces.chain import ChainSpace


class Classification:
    """A score a class; the largest is the answer."""

    name: ClassVar[str] = "classification"
    loss_name: ClassVar[str] = "cross entropy with the labels"
    activation: ClassVar[Activation] = "softmax"
    takes_shares: ClassVar[bool] = True

    def head(self, space: ChainSpace, classes: int) -> tuple[FixedLayer, ...]:
        """The usual head with a score a class."""
        return space.head_for(classes)

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, label_smoothing: float) -> torch.Tensor:
        """Cross entropy."""
        import torch.nn.functional as F

        return F.cross_entropy(outputs, labels, label_smoothing=label_smoothing)

    def metrics(self, outputs: torch.Tensor, labels: torch.Tensor) -> Metrics:
        """Accuracy."""
        return (share(ACCURACY, int((self.answers(outputs) == labels).sum()), len(labels)),)

    def answers(self, outputs: torch.Tensor) -> torch.Tensor:
        """The class with the highest score."""
        return outputs.argmax(1)
