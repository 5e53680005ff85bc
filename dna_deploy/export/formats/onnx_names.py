"""Names the nodes of an exported model after the layers they come from, so that a runtime's complaint names the layer.

The exporter leaves that, along with file paths and call stacks of the exporting machine, in metadata of every node:
more text than a small network has weights. It is read once and dropped.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from pathlib import Path

import onnx

_SCOPES = "pkg.torch.onnx.name_scopes"


def name_after_layers(model: onnx.ModelProto) -> None:
    """Renames every node to ``layer/Operator``, such as ``blocks.0.1.body.2/Conv``, and drops the exporter's notes."""
    seen: Counter[str] = Counter()
    for node in model.graph.node:
        layer = _layer(node)
        if layer is not None:
            name = f"{layer}/{node.op_type}".lstrip("/")
            seen[name] += 1
            node.name = name if seen[name] == 1 else f"{name}.{seen[name]}"
        del node.metadata_props[:]
    for value in (*model.graph.input, *model.graph.output, *model.graph.value_info, *model.graph.initializer):
        del value.metadata_props[:]
    del model.graph.metadata_props[:]
    model.graph.name = "network"


def layers_with(path: Path, message: str) -> str:
    """Which layers of a model hold the operators that a message speaks of; empty where it speaks of none.

    Runtimes name an operator that they lack, but seldom where it is.
    """
    words = set(re.findall(r"\w+", message))
    nodes = onnx.load(path, load_external_data=False).graph.node
    layers = [f"{node.name.rpartition('/')[0]} ({node.op_type})" for node in nodes if node.op_type in words]
    return ", ".join(layers[:5]) + (f" and {len(layers) - 5} more" if len(layers) > 5 else "")


def _layer(node: onnx.NodeProto) -> str | None:
    """The module path a node was traced in, without the operator itself; None where the exporter did not say."""
    notes = {note.key: note.value for note in node.metadata_props}
    if _SCOPES not in notes:
        return None
    scopes = ast.literal_eval(notes[_SCOPES])
    return str(scopes[-2]) if len(scopes) > 1 else ""
