"""The protocol of a task. Head and names need no torch, so that what is profiled and reported can be told without it."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    import torch

    from dna_deploy.records.score import Metrics
    from dna_deploy.spaces.block import FixedLayer
    from dna_deploy.spaces.chain import ChainSpace

Activation: TypeAlias = Literal["softmax", "sigmoid", "identity"]


class Task(Protocol):
    """From features to answers. Labels are what the data set gives, ``(images,)`` or ``(images, ...)``."""

    name: ClassVar[str]
    loss_name: ClassVar[str]
    """What the loss is, for a reader of a history."""
    activation: ClassVar[Activation]
    """What makes of a network's outputs the numbers that users see, inside files with pre-processing."""
    takes_shares: ClassVar[bool]
    """Whether labels may be shares of classes ``(images, classes)`` and a teacher's soft answers, as mixup and CutMix need."""

    def head(self, space: ChainSpace, classes: int) -> tuple[FixedLayer, ...]:
        """What stands behind the features of a space, for data with so many classes."""
        ...

    def loss(self, outputs: torch.Tensor, labels: torch.Tensor, label_smoothing: float) -> torch.Tensor:
        """What training minimises, a mean over images, ``()``."""
        ...

    def metrics(self, outputs: torch.Tensor, labels: torch.Tensor) -> Metrics:
        """How good outputs are on all images of a split; the first decides which epoch is best."""
        ...

    def answers(self, outputs: torch.Tensor) -> torch.Tensor:
        """What outputs decide, image by image: exported files must decide alike."""
        ...
