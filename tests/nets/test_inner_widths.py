"""Supernets of cells whose layers have widths of their own: cells that begin alike share layers, and part at the last."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch

from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.inherit import inherited_network
from dna_deploy.nets.layers import build_layer
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.spaces.block import Block, Cell
from dna_deploy.spaces.catalog.nats_size import NATS_SIZE
from dna_deploy.spaces.operations import Conv, Pointwise
from dna_deploy.spaces.operations.preactivated import DenseCell, PreactivatedBlock
from dna_deploy.spaces.shapes import FeatureMap

_PAIRS = [(first, last) for first in (4, 8) for last in (4, 8, 12)]
_CHOICE, _END = (Conv(3), Pointwise()), (PreactivatedBlock(), Pointwise())
SPACE = replace(
    NATS_SIZE,
    name="small",
    input=FeatureMap(3, 8, 8),
    blocks=(
        Block(2, tuple(Cell(last, (_CHOICE, _END), (first,)) for first, last in _PAIRS), ends_with_stride=True),
        Block(1, (Cell(8, ((DenseCell(),),)), Cell(12, ((DenseCell(),),)))),
    ),
).with_head()
TEACHER = (FeatureMap(12, 4, 4), FeatureMap(12, 4, 4))
IMAGES = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def supernet(*, share_depths: bool = True) -> SupernetBlock:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return SupernetBlock(SPACE, 0, TEACHER, edges="adaptors", share_depths=share_depths)


@pytest.mark.parametrize("share_depths", [True, False])
def test_a_walk_meets_every_candidate_as_it_is_on_its_own(share_depths: bool) -> None:
    block, met = supernet(share_depths=share_depths), dict[int, list[torch.Tensor]]()
    assert len(block.trunks) == (2 if share_depths else 6)
    with torch.no_grad(), batch_statistics(block):
        for cell, output in block.walk(IMAGES):
            met.setdefault(cell, []).append(output)
        alone = [block(IMAGES, *SPACE.index.path_of(0, choice)) for choice in SPACE.index.candidates(0)]
    walked = [output for cell in sorted(met) for output in met[cell]]
    assert len(walked) == SPACE.index.counts[0] == 24
    assert all(torch.equal(one, other) for one, other in zip(walked, alone, strict=True))
    assert len({output.sum().item() for output in alone}) == 24


def test_a_training_step_runs_one_path_to_every_width() -> None:
    block = supernet()
    with torch.no_grad(), batch_statistics(block):
        together = block.forward_paths(IMAGES, [(1, 0), (0, 1)])
        alone = [block(IMAGES, cell, (1, 0) if cell < 3 else (0, 1)) for cell in range(6)]
    assert all(torch.equal(one, other) for one, other in zip(together, alone, strict=True))


def test_cells_that_begin_alike_share_their_beginning() -> None:
    block = supernet()
    assert block.layers_of(0, (0, 0))[0] is block.layers_of(2, (0, 1))[0]
    assert block.layers_of(0, (0, 0))[0] is not block.layers_of(3, (0, 0))[0]
    assert block.layers_of(0, (0, 0))[1] is not block.layers_of(1, (0, 0))[1]


def test_a_path_of_the_whole_supernet_is_the_plain_network() -> None:
    whole = OneShotSupernet(SPACE, share_depths=True)
    for network in (SPACE.sample(random.Random(seed)) for seed in range(8)):
        path, alone = whole.path(network), torch.nn.Sequential(*map(build_layer, SPACE.place(network)))
        alone.load_state_dict(path.state_dict())
        torch.testing.assert_close(alone.eval()(IMAGES), path.eval()(IMAGES))
    lines = ("4-4:conv3,res/8:cell", "4-12:conv3,res/8:cell")
    first, second = (whole.path(SPACE.parse(line)) for line in lines)
    assert first[0] is second[0]
    assert first[1] is not second[1]


def test_a_network_inherits_what_its_widths_learnt() -> None:
    blocks = {0: supernet(), 1: SupernetBlock(SPACE, 1, TEACHER, edges="adaptors", share_depths=True)}
    network, fresh = inherited_network(SPACE, SPACE.parse("8-12:conv3,p1/8:cell"), blocks)
    assert not fresh
    learnt = blocks[0].layers_of(5, (0, 1))[1].state_dict()
    assert all(torch.equal(tensor, learnt[name]) for name, tensor in network.blocks[0][1].state_dict().items())  # type: ignore
