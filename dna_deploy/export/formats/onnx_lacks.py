"""What torch's ONNX exporter lacks, said in one line: the operator, and the layers that use it."""

from __future__ import annotations

import re

import torch
from torch import nn

from dna_deploy.errors import UsageError


def lacking(error: Exception, module: nn.Module, examples: tuple[torch.Tensor, ...]) -> UsageError:
    """What to tell the user about a failed export. The exporter's own words fill a page and name no layer."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    operator = re.search(r"op='([\w.:]+)'", str(cause))
    if operator is None:
        return UsageError(f"cannot export {type(module).__name__} to ONNX: {' '.join(str(cause).split())[:300]}")
    places = _layers_with(operator[1], module, examples)
    where = f"it is in {', '.join(places)}" if places else "build the layer from other operators"
    return UsageError(f"the ONNX exporter has nothing for the operator {operator[1]}", where)


def _layers_with(operator: str, module: nn.Module, examples: tuple[torch.Tensor, ...]) -> list[str]:
    """The layers, by their path, whose computation has the operator."""
    graph = torch.export.export(module, examples).graph
    using = (node for node in graph.nodes if str(node.target).startswith(operator))
    stacks = (list(node.meta.get("nn_module_stack", {}).values()) for node in using)
    return list(dict.fromkeys(f"{stack[-1][0]} ({stack[-1][1].rpartition('.')[2]})" for stack in stacks if stack))
