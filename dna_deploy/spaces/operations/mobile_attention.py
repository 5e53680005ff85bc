"""Mobile multi-query attention on feature maps (MobileNetV4, arXiv 2404.10518, section 5): heads share keys and values."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.errors import UsageError
from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.step import Step, attention, convolution, norm


@dataclass(frozen=True)
class MobileAttention(Operation):
    """Batch norm, queries of every head, keys and values of one, at ``1 / reduction`` of height and width; residual."""

    heads: int
    head_channels: int
    reduction: int = 1

    @property
    def code(self) -> str:
        return f"q{self.heads}x{self.head_channels}" + (f"r{self.reduction}" if self.reduction > 1 else "")

    def steps(self, at: Place) -> tuple[Step, ...]:
        if at.stride > 1:
            raise UsageError(f"{self.code} does not reduce: it stands where the stride is 1, not {at.stride}")
        x, queries = at.feature_map, at.reduced.to(self.heads * self.head_channels)
        few = x.to(x.channels, self.reduction)
        reduced = (convolution(x, few, 3, x.channels),) if self.reduction > 1 else ()
        shared = (*reduced, convolution(few, few.to(self.head_channels), batch_norm=False))
        key = few.to(self.head_channels)
        return (
            norm(x),
            convolution(x, queries, batch_norm=False),
            *shared,
            *shared,
            *attention(queries, key, key, self.heads, shared=True),
            convolution(queries, at.reduced, batch_norm=False),
        )

    def has_residual(self, at: Place) -> bool:
        return at.keeps_shape
