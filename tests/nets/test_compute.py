"""Precision, GPUs of processes, ranks of torchrun: what settings mean, and that the defaults change nothing."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.processes import Processes


def test_the_defaults_compute_plainly() -> None:
    compute = Compute()
    images = torch.rand(2, 3, 8, 8)
    network = nn.Conv2d(3, 4, 3)
    wanted = network(images)
    with compute.autocast():
        assert torch.equal(compute.compiled(network)(images), wanted)
    assert compute.rounding == ""


def test_bfloat16_is_that_of_products_and_not_of_losses() -> None:
    compute = Compute(precision="bfloat16")
    with compute.autocast():
        found = nn.Conv2d(3, 4, 3)(torch.rand(2, 3, 8, 8))
        loss = nn.functional.mse_loss(found, torch.rand(found.shape))
    assert (found.dtype, loss.dtype) == (torch.bfloat16, torch.float32)
    assert compute.rounding == "bfloat16"


def test_functions_are_compiled_where_that_is_wanted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda function: ("compiled", function))
    assert Compute().compiled(len) is len
    assert Compute(compile=True).compiled(len) == ("compiled", len)
    assert Compute(compile=True).rounding == "compiled"


def test_every_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    compute = Compute(device="cuda", jobs=4)
    assert [compute.for_worker(number).device for number in range(4)] == ["cuda:0", "cuda:1", "cuda:0", "cuda:1"]
    assert Compute(device="cuda:1").for_worker(0).device == "cuda:1"
    assert Compute().for_worker(3).device == "cpu"


def test_devices_that_are_unknown_or_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(UsageError, match="unknown device 'gpu0'"):
        Compute(device="gpu0")
    with pytest.raises(DependencyError, match="'cuda' is not here"):
        Compute(device="cuda")


def test_processes_are_those_of_torchrun_and_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "3"), ("WORLD_SIZE", "4"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("TORCHELASTIC_RUN_ID", raising=False)
    assert Processes.here() == Processes()
    monkeypatch.setenv("TORCHELASTIC_RUN_ID", "none")
    assert Processes.here() == Processes(3, 4, 1)
    assert not Processes.here().is_first


def test_a_lone_process_waits_for_nobody() -> None:
    ran = []
    with Processes().first_goes_first():
        ran.append("inside")
    Processes().wait()
    assert ran == ["inside"]
