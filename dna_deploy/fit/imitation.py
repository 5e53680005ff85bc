"""A whole network learns what the original has at the ends of its stages, besides what it answers.

Widths between units stay, so that the two can be compared place by place. An answer is a few numbers an image, features are
thousands: where images are few, they say more (Wang and Wu, arXiv 2202.07861, of networks without some of their blocks).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import nn

from dna_deploy.fit.channels import hooked
from dna_deploy.fit.judging import relative_error, spread_of
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.learning.phase import StepView


class StageImitation:
    """The error of a network's features at the ends of stages, in the step in which it and the original have run."""

    measure = "squared error to the original's features at the ends of stages, relative to each channel's variance"

    def __init__(self) -> None:
        self.own: dict[str, torch.Tensor] = {}
        self.original: dict[str, torch.Tensor] = {}

    def loss(self, _view: StepView) -> torch.Tensor:
        """The mean over stages, ``()``."""
        errors = [relative_error(self.own[path], target, spread_of([target])).mean() for path, target in self.original.items()]
        return torch.stack(errors).mean()


@contextmanager
def imitating(original: UnitNetwork, network: nn.Module) -> Iterator[StageImitation]:
    """What a network of the original's units minimises besides; inside, it sees what both emit whenever they run."""
    imitation, units = StageImitation(), original.units
    following = (*units[1:], None)
    ends = [unit.path for unit, other in zip(units, following, strict=True) if other is None or other.stage != unit.stage]

    def keeping(kept: dict[str, torch.Tensor], path: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            kept[path] = output.clone()  # what follows may work in place

        return keep

    own = {original.on(network).parts(path)[-1]: keeping(imitation.own, path) for path in ends}
    teacher = {original.parts(path)[-1]: keeping(imitation.original, path) for path in ends}
    with hooked(own), hooked(teacher):
        yield imitation
