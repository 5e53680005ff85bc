"""Ratings of whole networks by a rater, as a function that other processes can be given."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from dna_deploy.executors.executor import worker_number
from dna_deploy.learning.compute import Compute
from dna_deploy.rating.rater import Rater, open_rater
from dna_deploy.spaces.architecture import Architecture


@dataclass(frozen=True)
class RatingByFolder:
    """Rates a network by the rater that left its run in a folder; lower is better. A process opens it once."""

    folder: Path
    compute: Compute

    @property
    def rater(self) -> Rater:
        """Raises as `open_rater`."""
        return _opened(self.folder, self.compute.for_worker(worker_number()))

    def __call__(self, network: Architecture) -> float:
        return self.rater.score([network])[0].cost


@cache
def _opened(folder: Path, compute: Compute) -> Rater:
    return open_rater(folder, Rater, compute)
