"""Random changes to training images, on whole batches of bytes. What may happen can be read without torch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from pydantic import Field

from dna_deploy.records.files import Part

if TYPE_CHECKING:
    import torch


class Augmentation(Part):
    """What may happen to a training image. The defaults suit small centred pictures and short trainings."""

    shift: int = Field(1, ge=0, description="pixels by which it is moved, at most, each way")
    flip: bool = Field(True, description="mirrored left to right, every second time")
    crop: float = Field(
        1.0,
        gt=0,
        le=1,
        description="a random part of at least this share of the area is stretched to the whole (0.08: ImageNet)",
    )

    def __call__(self, pixels: torch.Tensor, rng: torch.Generator) -> torch.Tensor:
        """Changed copies of unsigned bytes ``(batch, channels, height, width)``."""
        import torch
        import torch.nn.functional as F

        if self.crop < 1:
            pixels = _random_resized_crop(pixels, self.crop, rng)
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


def _random_resized_crop(pixels: torch.Tensor, smallest: float, rng: torch.Generator) -> torch.Tensor:
    """Parts of random area, place and shape (3:4 to 4:3), resized to the whole picture (Inception, arXiv 1409.4842)."""
    import torch
    import torch.nn.functional as F

    batch = len(pixels)
    area = smallest + (1 - smallest) * torch.rand(batch, generator=rng)
    shape = (torch.rand(batch, generator=rng) * 2 - 1) * math.log(4 / 3)
    width, height = ((area * (sign * shape).exp()).sqrt().clamp(max=1) for sign in (1, -1))
    left, top = ((torch.rand(batch, generator=rng) * 2 - 1) * (1 - size) for size in (width, height))
    nothing = torch.zeros(batch)
    parts = torch.stack([torch.stack([width, nothing, left], 1), torch.stack([nothing, height, top], 1)], 1)
    grid = F.affine_grid(parts, list(pixels.shape), align_corners=False)
    resized = F.grid_sample(pixels.float(), grid, padding_mode="reflection", align_corners=False)
    return resized.round().clamp(0, 255).to(torch.uint8)
