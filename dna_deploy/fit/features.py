"""What units of a network receive and emit, from one run of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.fit.replacing import UnitNetwork

ROOM_BYTES = 2**30
"""For features that are asked for again and again."""


class FeatureMemory:
    """Features of units by path, batch by batch, as many as there is room for; not to be changed."""

    def __init__(self) -> None:
        self._features: dict[str, list[torch.Tensor]] = {}

    def read(self, path: str) -> list[torch.Tensor] | None:
        """Those of a unit, if there are any."""
        return self._features.get(path)

    def add(self, path: str, features: list[torch.Tensor]) -> None:
        """Of another unit; forgotten at once where there is no room."""
        if sum(x.nbytes for batches in (features, *self._features.values()) for x in batches) <= ROOM_BYTES:
            self._features[path] = features


@dataclass(frozen=True)
class UnitFeatures:
    """What units of the original receive and emit, by path, from one run."""

    network: UnitNetwork
    paths: tuple[str, ...]

    @torch.no_grad()
    def __call__(self, images: torch.Tensor) -> dict[str, tuple[torch.Tensor, torch.Tensor]]:
        """For images ``(batch, channels, height, width)``."""
        received: dict[str, torch.Tensor] = {}
        emitted: dict[str, torch.Tensor] = {}
        hooks = [hook for path in self.paths for hook in self._hooks(path, received, emitted)]
        try:
            self.network.network(images.clone())
        finally:
            for hook in hooks:
                hook.remove()
        return {path: (received[path], emitted[path]) for path in self.paths}

    def _hooks(
        self, path: str, received: dict[str, torch.Tensor], emitted: dict[str, torch.Tensor]
    ) -> tuple[torch.utils.hooks.RemovableHandle, ...]:
        call, parts = self.network.call(path), self.network.parts(path)

        def before(_module: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> None:
            received[path] = call.tensor_of(args, kwargs).clone()  # what follows may work in place

        def after(_module: nn.Module, _inputs: object, output: torch.Tensor) -> None:
            emitted[path] = output.clone()

        return parts[0].register_forward_pre_hook(before, with_kwargs=True), parts[-1].register_forward_hook(after)
