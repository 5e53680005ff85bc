"""Randomness that is a function of a seed and a purpose, such as (0, "order", epoch).

So a run that resumes at step 500 draws what an uninterrupted one draws there, and no generator's state has to be kept;
and blocks, processes and machines draw the same without talking.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager

import torch


def derived_seed(seed: int, *purpose: object) -> int:
    """A 63-bit seed for one purpose."""
    text = "/".join(map(str, (seed, *purpose)))
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *purpose: object) -> torch.Generator:
    """A fresh generator for one purpose."""
    return torch.Generator().manual_seed(derived_seed(seed, *purpose))


@contextmanager
def seeded(seed: int, *purpose: object) -> Iterator[None]:
    """Torch's global generator, as module initialisation uses it, seeded for one purpose and put back afterwards."""
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(derived_seed(seed, *purpose))
        yield
