"""Out of memory is an expected failure, met with smaller portions; other failures stay what they are."""

from __future__ import annotations

import pytest
import torch

from dna_deploy.errors import OutOfMemoryError
from dna_deploy.learning.memory import Portions, memory_for


def test_too_large_an_allocation_names_the_work_and_a_smaller_batch() -> None:
    with pytest.raises(OutOfMemoryError, match="training with batches of 64 images") as caught, memory_for("training", 64):
        torch.empty(1 << 50)
    assert "such as 32" in caught.value.hint


def test_other_failures_pass() -> None:
    with pytest.raises(RuntimeError, match="size of tensor"), memory_for("training", 64):
        torch.zeros(2) + torch.zeros(3)
    with pytest.raises(RuntimeError, match="size of tensor"):
        Portions("training", 64).run(lambda _: torch.zeros(2) + torch.zeros(3))


def in_portions_of(fitting: int, batch: int) -> tuple[Portions, list[int]]:
    """Runs work for which only portions of ``fitting`` images fit in memory; what was tried."""
    tried: list[int] = []

    def work(count: int) -> int:
        tried.append(count)
        return torch.empty(1 << 50 if batch // count > fitting else 3).numel()

    portions = Portions("training", batch)
    assert portions.run(work) == 3
    return portions, tried


def test_batches_that_fit_are_run_whole() -> None:
    portions, tried = in_portions_of(64, batch=64)
    assert (tried, portions.remark) == ([1], "")


def test_batches_that_do_not_fit_are_run_in_portions_from_then_on() -> None:
    portions, tried = in_portions_of(16, batch=64)
    assert tried == [1, 2, 4]
    assert portions.run(lambda count: count) == 4
    assert portions.remark.startswith("memory is short: batches of 64 are run in portions of 16")


def test_portions_that_cannot_be_smaller_are_an_error() -> None:
    portions = Portions("training", 8)
    with pytest.raises(OutOfMemoryError, match="training with batches of 2 images does not fit in memory"):
        portions.run(lambda _: torch.empty(1 << 50))
    assert portions.count == 4
