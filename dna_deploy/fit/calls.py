"""How the modules of a network are called while it runs: which tensor comes in, which constants beside it, what comes out."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn

from dna_deploy.errors import UsageError


@dataclass
class Call:
    """What a module was called with, but for the one tensor that carries the images, and where that one stood."""

    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    place: int | str

    def args_with(self, x: torch.Tensor) -> tuple[Any, ...]:
        """The arguments by place, with ``x`` among them."""
        return tuple(x if place == self.place else value for place, value in enumerate(self.args))

    def kwargs_with(self, x: torch.Tensor) -> dict[str, Any]:
        """The arguments by name, with ``x`` among them."""
        return {name: x if name == self.place else value for name, value in self.kwargs.items()}

    def tensor_of(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.Tensor:
        """The one tensor among arguments like these."""
        tensor: torch.Tensor = args[self.place] if isinstance(self.place, int) else kwargs[self.place]
        return tensor


@dataclass
class Calls:
    """All that happened to a module in one run."""

    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    output: Any = None
    count: int = 0
    order: int = 0


def record_calls(network: nn.Module, images: torch.Tensor, names: Sequence[str] | None = None) -> tuple[Any, dict[str, Calls]]:
    """The network's answers, and the calls of its modules (``names``, or all but itself), by name.

    Raises:
        UsageError: the network does not take such images.
    """
    calls: dict[str, Calls] = {}
    started: list[str] = []

    def before(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
            entry = calls.setdefault(name, Calls(order=len(started)))
            started.append(name)
            entry.args, entry.kwargs = _copied(args), {key: _copied(value) for key, value in kwargs.items()}
            entry.count += 1

        return keep

    def after(name: str) -> Callable[..., None]:
        def keep(_module: nn.Module, _args: object, output: Any) -> None:
            calls[name].output = _copied(output)

        return keep

    hooks = []
    for name, module in network.named_modules():
        if name and (names is None or name in names):
            hooks += [
                module.register_forward_pre_hook(before(name), with_kwargs=True),
                module.register_forward_hook(after(name)),
            ]
    try:
        return run(network, images), calls
    finally:
        for hook in hooks:
            hook.remove()


@torch.no_grad()
def run(network: nn.Module, images: torch.Tensor) -> Any:
    """What the network answers.

    Raises:
        UsageError: it does not take such images.
    """
    try:
        return network(images)
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError, KeyError, AttributeError) as error:
        reason = str(error).partition("\n")[0][:160] or type(error).__name__
        raise UsageError(
            f"the model does not take images of {'x'.join(map(str, images.shape[1:]))}: {reason}",
            "say with --input what it was made for, such as --input 3x224x224",
        ) from error


def the_call(first: Calls, second: Calls) -> Call | str:
    """How a module is called whatever the images, told from two runs on different ones; or words why that cannot be."""
    if first.count != 1 or second.count != 1:
        return f"it runs {first.count} times"
    pairs: list[tuple[int | str, tuple[Any, Any]]] = [*enumerate(zip(first.args, second.args, strict=False))]
    pairs += [(name, (value, second.kwargs.get(name))) for name, value in first.kwargs.items()]
    places: list[int | str] = []
    for place, (value, other) in pairs:
        if isinstance(value, torch.Tensor) and isinstance(other, torch.Tensor):
            if value.shape != other.shape or not torch.equal(value, other):
                places.append(place)
        elif _has_tensors(value):
            return "it receives a list of tensors"
        elif not _is_same(value, other):
            return "what it receives beside a tensor depends on the images"
    if len(places) != 1:
        return f"it receives {len(places)} tensors" if places else "it does not depend on the images"
    if not isinstance(first.output, torch.Tensor):
        return f"it returns a {type(first.output).__name__}"
    (place,) = places
    images = dict(pairs)[place][0].shape[0]
    if any(isinstance(value, torch.Tensor) and value.shape[:1] == (images,) for other, (value, _) in pairs if other != place):
        return "it receives another tensor of every image, such as a class token"
    args = tuple(None if number == place else value for number, value in enumerate(first.args))
    return Call(args, {name: None if name == place else value for name, value in first.kwargs.items()}, place)


def _copied(value: Any) -> Any:
    if isinstance(value, torch.Tensor):
        return value.detach().clone()  # what follows may work in place
    if isinstance(value, tuple | list):
        return type(value)(map(_copied, value)) if type(value) in {tuple, list} else value
    return value


def _has_tensors(value: Any) -> bool:
    if isinstance(value, Mapping):
        value = list(value.values())
    return isinstance(value, tuple | list) and any(isinstance(item, torch.Tensor) or _has_tensors(item) for item in value)


def _is_same(value: Any, other: Any) -> bool:
    if isinstance(value, torch.Tensor) or isinstance(other, torch.Tensor):
        return False
    return bool(value == other)
