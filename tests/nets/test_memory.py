"""Out of memory is an expected failure; other failures stay what they are."""

from __future__ import annotations

import pytest
import torch

from dna_deploy.errors import OutOfMemoryError
from dna_deploy.nets.memory import memory_for


def test_too_large_an_allocation_names_the_work_and_a_smaller_batch() -> None:
    with pytest.raises(OutOfMemoryError, match="training with batches of 64 images") as caught, memory_for("training", 64):
        torch.empty(1 << 50)
    assert "such as 32" in caught.value.hint


def test_other_failures_pass() -> None:
    with pytest.raises(RuntimeError, match="size of tensor"), memory_for("training", 64):
        torch.zeros(2) + torch.zeros(3)
