"""A network as a Python file that needs torch alone, and its weights as safetensors: nobody has to install this package."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn
from torch.export.graph_signature import InputKind

from dna_deploy.errors import UsageError
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.records.files import write_atomically
from dna_deploy.spaces.shapes import FeatureMap

CODE, WEIGHTS = "network.py", "network.safetensors"

_HEAD = '''"""{title}

Needs torch alone. `Network()` reads {weights} beside this file, and maps images {input} to scores.
"""

import json
from math import inf, nan  # noqa: F401
from pathlib import Path

import torch
from torch import device  # noqa: F401

DTYPES = {{"F32": torch.float32, "F16": torch.float16, "I64": torch.int64, "I32": torch.int32, "BOOL": torch.bool}}


def read(path):
    """The tensors of a safetensors file: a header of JSON with their places, then their bytes."""
    content = bytearray(Path(path).read_bytes())
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header.pop("__metadata__", None)
    tensors = {{}}
    for name, entry in header.items():
        first, end = entry["data_offsets"]
        values = content[start + first : start + end]
        flat = torch.frombuffer(values, dtype=DTYPES[entry["dtype"]]) if values else torch.empty(0)
        tensors[name] = flat.reshape(entry["shape"]).clone()
    return tensors


class Network(torch.nn.Module):
    """In inference mode; its state has the names of the model that it was made from."""

    parameter_names = {parameters}
    names = {names}

    def __init__(self, weights=Path(__file__).with_name("{weights}")):
        super().__init__()
        state = read(weights)
        for number, name in enumerate(self.names):
            if name in self.parameter_names:
                self.register_parameter(f"t{{number}}", torch.nn.Parameter(state[name]))
            else:
                self.register_buffer(f"t{{number}}", state[name])

    def forward(self, x):
        return self.run(*(getattr(self, f"t{{number}}") for number in range(len(self.names))), x)[0]

'''


def write_plain(network: nn.Module, shape: FeatureMap, folder: Path, title: str) -> Path:
    """Writes ``network.py`` and ``network.safetensors`` into a folder; returns the first.

    Args:
        network: Maps ``(batch, channels, height, width)`` to scores.
        shape: Of its images.
        folder: Where.
        title: The first line of the file.

    Raises:
        UsageError: torch cannot write the network down.
    """
    example = torch.zeros(2, *shape.sizes)
    try:
        with torch.no_grad():
            program = torch.export.export(network.eval(), (example,), dynamic_shapes=({0: torch.export.Dim("batch")},))
    except Exception as error:  # torch's exporter raises what it pleases
        raise UsageError(
            f"torch cannot write the network as plain code: {str(error).partition(chr(10))[0][:160]}", "use the ONNX file"
        ) from error
    specs = [spec for spec in program.graph_signature.input_specs if spec.kind is not InputKind.USER_INPUT]
    names = [str(spec.target) for spec in specs]
    parameters = sorted({str(spec.target) for spec in specs if spec.kind is InputKind.PARAMETER})
    tensors = {**program.state_dict, **{name: value for name, value in program.constants.items() if name in names}}
    head = _HEAD.format(title=title, weights=WEIGHTS, input=f"(batch, {', '.join(map(str, shape.sizes))})",
                        parameters=_listed(parameters), names=_listed(names))  # fmt: skip
    body = program.graph_module.code.strip().replace("def forward(self, ", "def run(self, ", 1)
    lines = "\n".join(f"    {line}".rstrip() for line in body.splitlines())
    TensorFile({name: tensors[name].detach() for name in dict.fromkeys(names)}, {}).write(folder / WEIGHTS)
    write_atomically(folder / CODE, f"{head}{lines}\n".encode())
    return folder / CODE


def _listed(names: list[str]) -> str:
    return "[\n" + "".join(f'        "{name}",\n' for name in names) + "    ]"
