"""What embeddings of a batch should be: near what they are compared with, and different from each other.

Without the second, one point for all images would be perfect: that is collapse. A term of the loss works against it, and
three numbers that do not depend on the loss tell whether it has happened all the same.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch

from dna_deploy.nets.supernets.twins import on_sphere


def distance(embeddings: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Mean squared distance on the unit sphere, 0 to 4: two less twice the cosine (BYOL, arXiv 2006.07733)."""
    return (2 - 2 * (on_sphere(embeddings) * on_sphere(targets)).sum(-1)).mean()


def divergence(embeddings: torch.Tensor, decorrelation: float) -> torch.Tensor:
    """How far embeddings ``(batch, size)`` are from spreading over all directions: 0 where they do (VICReg, 2105.04906).

    Each dimension lacks what its deviation has less than an even spread; to their mean come ``decorrelation`` times the
    squared covariances. It is taken on the sphere, so that longer embeddings are no way out.
    """
    batch, size = embeddings.shape
    scaled = on_sphere(embeddings) * math.sqrt(size)
    centred = scaled - scaled.mean(0)
    lacking = (1 - (centred.var(0) + 1e-4).sqrt()).clamp(min=0).mean()
    covariance = centred.T @ centred / (batch - 1)
    between = (covariance.square().sum() - covariance.diagonal().square().sum()) / size
    return lacking + decorrelation * between


@dataclass(frozen=True)
class Spread:
    """How much the embeddings of different images differ. One for all images has 0, 1 and 1."""

    deviation: float
    """Mean deviation of a dimension, as a share of that of an even spread over all directions."""
    effective_rank: float
    """Dimensions in use: the exponential of the entropy of the singular values (Roy and Vetterli, EUSIPCO 2007)."""
    cosine: float
    """Mean cosine between two images."""

    @classmethod
    @torch.no_grad()
    def of(cls, embeddings: torch.Tensor) -> Spread:
        """The spread of embeddings ``(images, size)``, one an image."""
        points = on_sphere(embeddings).double()
        images, size = points.shape
        centred = points - points.mean(0)
        values = torch.linalg.svdvals(centred)
        shares = values / values.sum().clamp(min=1e-12)
        entropy = -(shares * shares.clamp(min=1e-12).log()).sum()
        cosines = (points.sum(0).square().sum() - images) / (images * (images - 1))
        return cls(float(centred.std(0).mean()) * math.sqrt(size), float(entropy.exp()), float(cosines))

    def __str__(self) -> str:
        return f"deviation {self.deviation:.2g}, effective rank {self.effective_rank:.1f}, mean cosine {self.cosine:.2f}"
