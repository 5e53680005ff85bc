"""Random changes to training images, on whole batches of bytes."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from pydantic import Field

from dna_deploy.records.files import Part


class Augmentation(Part):
    """What may happen to a training image. The defaults suit small centred pictures and short trainings."""

    shift: int = Field(1, ge=0, description="pixels by which it is moved, at most, each way")
    flip: bool = Field(True, description="mirrored left to right, every second time")

    def __call__(self, pixels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Changed copies of unsigned bytes ``(batch, channels, height, width)``."""
        batch, _, height, width = pixels.shape
        rows = torch.arange(height).expand(batch, height)
        columns = torch.arange(width).expand(batch, width)
        if self.flip:
            mirrored = torch.rand(batch, 1, generator=rng) < 0.5
            columns = torch.where(mirrored, width - 1 - columns, columns)
        if self.shift:
            pixels = F.pad(pixels, (self.shift,) * 4)
            rows = rows + torch.randint(0, 2 * self.shift + 1, (batch, 1), generator=rng)
            columns = columns + torch.randint(0, 2 * self.shift + 1, (batch, 1), generator=rng)
        images = torch.arange(batch)[:, None, None]
        return pixels.permute(0, 2, 3, 1)[images, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


NO_AUGMENTATION = Augmentation(shift=0, flip=False)
