"""Tensors and plain data in one safetensors file, written atomically: weights, checkpoints, teachers. Never a pickle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save

from dna_deploy.errors import UsageError
from dna_deploy.records.files import check_name, digest_of, read_bytes, write_atomically

_FACTS = "dna-deploy"


@dataclass(frozen=True)
class TensorFile:
    """What lies in a file: named tensors, and facts as plain data."""

    tensors: Mapping[str, torch.Tensor]
    facts: Mapping[str, Any]

    def write(self, path: Path) -> None:
        """Writes the file as a whole or not at all."""
        tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in self.tensors.items()}
        write_atomically(path, save(tensors, {_FACTS: json.dumps(self.facts, sort_keys=True)}))

    @classmethod
    def read(cls, path: Path, what: str = "checkpoint") -> TensorFile:
        """The tensors and facts in a file.

        Raises:
            TableError: it cannot be read.
            UsageError: it is damaged, or no safetensors file (a pickle, for one, which could run code).
        """
        check_name(path)
        if read_bytes(path, what)[:2] in (b"\x80\x02", b"PK"):
            raise UsageError(
                f"{what} {path} is a pickle, which can run code when it is opened",
                "save the weights as safetensors: safetensors.torch.save_file(model.state_dict(), path)",
            )
        try:
            with safe_open(path, framework="pt") as file:
                return cls({name: file.get_tensor(name) for name in file.keys()}, read_facts(path))  # noqa: SIM118  (not a dict)
        except (SafetensorError, ValueError) as error:
            raise UsageError(f"{what} {path} is not a safetensors file: {error}", "it is damaged; make it again") from error


def read_facts(path: Path) -> dict[str, Any]:
    """The facts of a safetensors file, none if it is not ours; no tensor is read. Raises `SafetensorError` where it is none."""
    with safe_open(path, framework="pt") as file:
        facts: dict[str, Any] = json.loads((file.metadata() or {}).get(_FACTS, "{}"))
        return facts


def file_digest(path: Path, what: str = "checkpoint") -> str:
    """Names the very bytes of a file."""
    return digest_of(read_bytes(path, what))
