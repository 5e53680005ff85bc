"""Scaled networks as teachers: the same layers as plain networks, sizes that fit, files that come back."""

from __future__ import annotations

from pathlib import Path

import torch

from dna_deploy.nets.network import Network
from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher, write_teacher
from dna_deploy.spaces.scaling import Scaling, scaled
from tests.spaces.chains import TOY as SPACE

NETWORK = SPACE.parse("8:k3e1,p1/12:k5e2/16:k5e2,k3e1")
IMAGES = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(0))


def network_of(scaling: Scaling) -> ScaledNetwork:
    """The toy network, scaled, in inference mode."""
    return ScaledNetwork(ScaledConfig.for_space(SPACE, scaled(SPACE, NETWORK, scaling))).eval()


@torch.no_grad()
def test_an_unscaled_network_computes_what_the_plain_one_does() -> None:
    found, plain = network_of(Scaling()), Network(SPACE, NETWORK).eval()
    found.load_state_dict(plain.state_dict())
    torch.testing.assert_close(found(IMAGES), plain(IMAGES), rtol=0, atol=0)


@torch.no_grad()
def test_features_at_a_higher_resolution_have_the_sizes_of_the_blocks() -> None:
    network = network_of(Scaling(depth=2, width=1.5, resolution=1.5))
    assert network.stem(torch.zeros(1, 1, *network.config.resolution)).shape[2:] == (18, 18)
    teacher = Teacher.freeze("large", "large", network, SPACE.input)
    teacher.check_fits(SPACE)
    torch.testing.assert_close(teacher.scores(IMAGES), network(IMAGES), rtol=0, atol=0)


def test_a_scaled_teacher_comes_back_from_its_file(tmp_path: Path) -> None:
    network = network_of(Scaling(depth=1.5, width=1.5))
    write_teacher(tmp_path / "teacher.safetensors", network, SPACE.input, name="round 1", facts={})
    teacher = load_teacher(tmp_path / "teacher.safetensors")
    assert (teacher.name, teacher.classes, teacher.path) == ("round 1", 3, tmp_path / "teacher.safetensors")
    with torch.no_grad():
        torch.testing.assert_close(teacher.scores(IMAGES), network(IMAGES), rtol=0, atol=0)
