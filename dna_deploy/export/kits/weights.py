"""A network with its trained weights, or with seeded random ones where only its latency matters."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch

from dna_deploy.errors import UsageError
from dna_deploy.export.formats.onnx_graph import draw_shifts
from dna_deploy.learning.tensor_file import TensorFile, file_digest
from dna_deploy.nets.network import Network
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace

UNTRAINED = "untrained"


def load_network(space: HeadedSpace, architecture: Architecture, weights: Path | None, seed: int = 0) -> tuple[Network, str]:
    """The network in inference mode, and the digest of its weights.

    Args:
        space: Where the architecture comes from, with the right number of classes.
        architecture: The network.
        weights: A safetensors file of the network's state; None draws random weights.
        seed: For random weights.

    Raises:
        UsageError: the file is damaged, or belongs to another network or number of classes.
    """
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        network = Network(space, architecture).eval()
        draw_shifts(network)
    if weights is None:
        return network, UNTRAINED
    state = TensorFile.read(weights).tensors
    _check_fits(network, state, weights)
    broken = next((name for name, tensor in state.items() if not torch.isfinite(tensor).all()), None)
    if broken is not None:
        raise UsageError(f"{broken} in {weights} holds values that are not numbers", "training diverged; train again")
    network.load_state_dict(dict(state))
    return network, file_digest(weights)


def _check_fits(network: Network, state: Mapping[str, torch.Tensor], weights: Path) -> None:
    expected = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    actual = {name: tuple(tensor.shape) for name, tensor in state.items()}
    if expected == actual:
        return
    last = list(expected)[-1]
    if actual.get(last, expected[last]) != expected[last]:
        raise UsageError(
            f"{weights} has {actual[last][0]} classes, the network has {expected[last][0]}",
            "give the data set or the labels that the network was trained on",
        )
    wrong = next(name for name in (*expected, *actual) if expected.get(name) != actual.get(name))
    raise UsageError(
        f"{weights} does not belong to this architecture: {wrong} is {_shape(actual.get(wrong))} there "
        f"and {_shape(expected.get(wrong))} in the network",
        "give the architecture that was trained",
    )


def _shape(shape: tuple[int, ...] | None) -> str:
    return "absent" if shape is None else "x".join(map(str, shape)) or "a number"
