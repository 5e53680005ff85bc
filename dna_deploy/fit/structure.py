"""Tells units that do the same work apart from those that do not: by everything but the values of their weights."""

from __future__ import annotations

import functools
import types
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import nn

from dna_deploy.records.files import digest_of
from dna_deploy.spaces.shapes import Shape

_HOOKS = "_hooks"
_PLAIN = (bool, int, float, complex, str, bytes, type(None), torch.dtype, torch.device, torch.Size, torch.memory_format)
_CODE = (type, types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType)


def structure_of(module: nn.Module, shape: Shape) -> str:
    """Names what a module does with an input of a shape, as far as time is concerned.

    Classes, settings, sizes and kinds of tensors decide, at any depth; also settings that a module does not print, such as the
    shift of a window. What cannot be compared makes a module unlike any other.
    """
    return digest_of(f"{shape} {_words(module)}".encode()).removeprefix("sha256:")[:16]


def _words(value: Any) -> str:
    match value:
        case torch.Tensor():
            return f"{type(value).__name__}{tuple(value.shape)}{value.dtype}"
        case nn.Module():
            state = {name: each for name, each in vars(value).items() if not name.endswith(_HOOKS) and name != "training"}
            return f"{_name(type(value))}{_words(state)}"
        case functools.partial():
            return f"partial{_words((value.func, value.args, value.keywords))}"
        case types.MethodType():
            return f"method {value.__func__.__qualname__}"
        case Mapping():
            return f"{{{','.join(f'{key}:{_words(each)}' for key, each in value.items())}}}"
        case tuple() | list() | set() | frozenset():
            return f"{type(value).__name__}({_joined(value)})"
    if isinstance(value, _CODE):
        return _name(value)
    if isinstance(value, _PLAIN):
        return repr(value)
    if hasattr(value, "__dict__"):
        return f"{_name(type(value))}{_words(vars(value))}"
    return f"{_name(type(value))} {id(value)}"


def _joined(values: Iterable[Any]) -> str:
    words = [_words(value) for value in values]
    return ",".join(sorted(words) if isinstance(values, set | frozenset) else words)


def _name(value: Any) -> str:
    return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', repr(value))}"
