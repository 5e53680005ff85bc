"""Where a training stands, in one file: weights, optimiser, step and remarks. A kill loses what came after the last one.

Randomness needs no place in it: it is a function of the seed and the step (`dna_deploy.data.randomness`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from dna_deploy.errors import UsageError
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.records.files import check_name


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the state of one module under training.

    ``identity`` names everything that the training depends on: a checkpoint of other inputs is refused, not continued.
    """

    path: Path
    identity: str

    def __post_init__(self) -> None:
        check_name(self.path)  # before the training, not where its weights are read back

    def save(self, step: int, module: nn.Module, optimisers: Sequence[Optimizer], **facts: Any) -> None:
        """Writes the state after ``step`` steps."""
        state, owners = module.state_dict(keep_vars=True), _owners(module)
        tensors = {f"module.{name}": tensor for name, tensor in state.items() if owners[name] == name}
        for prefix, optimiser in _named(optimisers):
            for number, state in optimiser.state_dict()["state"].items():
                tensors |= {f"{prefix}{number}.{name}": torch.as_tensor(value) for name, value in state.items()}
        TensorFile(tensors, {"identity": self.identity, "step": step, **facts}).write(self.path)

    def resume(self, module: nn.Module, optimisers: Sequence[Optimizer]) -> dict[str, Any]:
        """Puts the saved state, if there is one, into ``module`` and ``optimisers``; returns the facts, ``step`` among them.

        Raises:
            UsageError: the file is damaged, or belongs to other inputs.
        """
        if not self.path.exists():
            return {"step": 0}
        file = TensorFile.read(self.path)
        if file.facts.get("identity") != self.identity:
            raise UsageError(
                f"{self.path} was made from other settings, images or teacher", "give another folder, or remove it"
            )
        tensors = _below("module.", file.tensors)
        module.load_state_dict(tensors | {name: tensors[owner] for name, owner in _owners(module).items() if owner in tensors})
        for prefix, optimiser in _named(optimisers):
            state: dict[int, dict[str, torch.Tensor]] = {}
            for name, tensor in _below(prefix, file.tensors).items():
                number, _, key = name.partition(".")
                state.setdefault(int(number), {})[key] = _as_weights_lie(tensor)
            optimiser.load_state_dict({**optimiser.state_dict(), "state": state})
        return dict(file.facts)


def _owners(module: nn.Module) -> dict[str, str]:
    """For every tensor of a module the first name that it has: layers may share some, which are saved once."""
    first: dict[int, str] = {}
    return {name: first.setdefault(id(tensor), name) for name, tensor in module.state_dict(keep_vars=True).items()}


def _named(optimisers: Sequence[Optimizer]) -> list[tuple[str, Optimizer]]:
    """What the tensors of each begin with: ``optimiser.``, ``optimiser2.``, ..."""
    return [(f"optimiser{number if number > 1 else ''}.", optimiser) for number, optimiser in enumerate(optimisers, 1)]


def _below(prefix: str, tensors: Any) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _as_weights_lie(tensor: torch.Tensor) -> torch.Tensor:
    """Moments in the memory order of their weights: another order could round differently."""
    return tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor
