"""A whole network that begins with what its blocks learnt in the supernets, for a short fine-tuning or a check."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from dna_deploy.nets.network import Network
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace


@torch.no_grad()
def inherited_network(
    space: HeadedSpace, architecture: Architecture, supernets: Mapping[int, SupernetBlock]
) -> tuple[Network, tuple[str, ...]]:
    """The network with the weights of its supernet layers, and the names of the layers that could not inherit.

    Those are layers whose shape in the supernet is another: the first of a block behind one of its narrower widths, and with
    teacher-width edges the first and the last of every block. They and the head keep their fresh weights.
    """
    network = Network(space, architecture)
    stem = supernets[0].entry
    network.stem.load_state_dict(stem.state_dict())
    fresh = []
    for index, (cell, path) in enumerate(space.index.paths(architecture)):
        for depth, learnt in enumerate(supernets[index].layers_of(cell, path)):
            layer: nn.Module = network.blocks[index][depth]  # type: ignore[index]
            if _shapes(learnt) == _shapes(layer):
                layer.load_state_dict(learnt.state_dict())
            else:
                fresh.append(f"blocks.{index}.{depth}")
    return network, tuple(fresh)


def _shapes(module: nn.Module) -> dict[str, torch.Size]:
    return {name: tensor.shape for name, tensor in module.state_dict().items()}
