"""A network as plain code computes what it did, without this package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.export.plain import write_plain
from dna_deploy.spaces.shapes import FeatureMap


def test_the_file_computes_the_same_in_an_interpreter_that_has_torch_alone(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.Hardswish(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4)
    ).eval()
    nn.init.uniform_(network[1].running_mean)
    write_plain(network, FeatureMap(3, 8, 8), tmp_path, "A test.")
    x = torch.randn(5, 3, 8, 8)
    torch.save({"x": x, "y": network(x).detach()}, tmp_path / "expected.pt")
    program = (
        "import sys, torch\n"
        "sys.modules['dna_deploy'] = sys.modules['safetensors'] = None\n"
        "from network import Network\n"
        "seen, network = torch.load('expected.pt', weights_only=True), Network()\n"
        "torch.testing.assert_close(network(seen['x']), seen['y'])\n"
        "print(sum(p.numel() for p in network.parameters()))\n"
    )
    run = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == sum(parameter.numel() for parameter in network.parameters())


def test_a_network_whose_code_depends_on_values_is_refused(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1) if x.sum() > 0 else -x.flatten(1)

    with pytest.raises(UsageError, match="torch cannot write the network as plain code"):
        write_plain(Branching(), FeatureMap(3, 8, 8), tmp_path, "A test.")
