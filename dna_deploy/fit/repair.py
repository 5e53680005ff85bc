"""Refits the last linear map of a changed unit in closed form, so that the unit gives again what the original gives.

Least squares on the original's own inputs and outputs, held near the inherited weights where the images say nothing. What
comes before the map is left as it was inherited, but for statistics of batch norms, which are those of the new inputs. Batch
norms behind it have the statistics of what it emits now, with scales and shifts that make up for that, so that gathering them
anew changes nothing of what was fitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from dna_deploy.fit.activations import Unactivated
from dna_deploy.fit.channels import channels_last, hooked, is_mixing
from dna_deploy.fit.settling import absorb
from dna_deploy.fit.slicing import is_close
from dna_deploy.nets.batch_norm import estimate_statistics

_POSITIONS = 128
"""Places of a map that are looked at, at most; others are much like their neighbours."""

WIDEST = 6000
"""Inputs of a map: a larger system takes minutes and gigabytes."""

RIDGE = 1e-3
"""How strongly the inherited weights hold, relative to the mean square of the inputs."""


@dataclass
class NormalEquations:
    """Sums for ``targets ~ features @ weight.T + bias``, gathered batch by batch in 64 bits."""

    squares: torch.Tensor | float = 0.0
    products: torch.Tensor | float = 0.0
    rows: int = field(default=0)

    def add(self, features: torch.Tensor, targets: torch.Tensor) -> None:
        """Rows of ``(rows, inputs)`` and ``(rows, outputs)``."""
        with_one = F.pad(features, (0, 1), value=1.0)
        self.squares = self.squares + (with_one.T @ with_one).double()
        self.products = self.products + (with_one.T @ targets).double()
        self.rows += len(features)

    def covariance(self) -> torch.Tensor:
        """Of the features, ``(inputs, inputs)``."""
        assert isinstance(self.squares, torch.Tensor)
        moments = self.squares / self.rows
        return moments[:-1, :-1] - moments[:-1, -1:] * moments[-1:, :-1]

    def solve(self, inherited: torch.Tensor, ridge: float = RIDGE) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight ``(outputs, inputs)`` and bias ``(outputs,)`` of the least squares, drawn a little towards ``inherited``."""
        assert isinstance(self.squares, torch.Tensor) and isinstance(self.products, torch.Tensor)
        strength = torch.full_like(self.squares.diagonal(), ridge * float(self.squares.diagonal()[:-1].mean()) + 1e-12)
        strength[-1] = 0.0
        system = self.squares + torch.diag(strength)
        towards = self.products + strength[:, None] * F.pad(inherited.double(), (0, 1)).T
        solution = torch.linalg.lstsq(system, towards).solution
        return solution[:-1].T.float().contiguous(), solution[-1].float()


@torch.no_grad()
def repair(candidate: nn.Module, original: nn.Module, inputs: Sequence[torch.Tensor], *, refits: bool = True) -> str:
    """Refits a candidate in place; returns the name of the layer that was, or words why none could be.

    That layer has a bias then, also where it ``refits`` nothing: what is timed before there are images has the same structure.

    Args:
        candidate: A changed copy of the unit, in inference mode.
        original: The unit.
        inputs: What the original unit receives for images of its own, batch by batch.
        refits: Whether the layer's weights change.
    """
    name = last_changed_map(candidate, original, inputs[0][:2])
    if name is None:
        return "nothing in it mixes channels behind the change"
    layer = candidate.get_submodule(name)
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    if layer.weight[0].numel() > WIDEST:
        return f"{name} has {layer.weight[0].numel()} inputs"
    if not _is_plain(layer, candidate, name, inputs[0][:2]):
        return f"{name} is no plain layer"
    if layer.bias is None:
        layer.bias = nn.Parameter(torch.zeros(len(layer.weight)))
    if not refits:
        return name
    if slope_of(candidate, name, inputs[0][:2]) is None:
        refit(candidate, name, inputs, (_run(original, name, x)[1] for x in inputs), of_layer=True)
    else:
        expected = Unactivated(original, inputs[0][:2])
        refit(candidate, name, inputs, (expected(x.clone()) for x in inputs))
    return name


@torch.no_grad()
def refit(
    unit: nn.Module, name: str, inputs: Sequence[torch.Tensor], targets: Iterable[torch.Tensor], *, of_layer: bool = False
) -> None:
    """Refits a layer of a unit in place, and gives it a bias.

    Args:
        unit: In inference mode.
        name: Of a linear map that it computes plainly.
        inputs: What the unit receives, batch by batch.
        targets: What it shall give in front of its last activation, or, ``of_layer``, what the layer shall.
        of_layer: Where the layer has no `slope_of`.
    """
    layer, x = unit.get_submodule(name), inputs[0][:2]
    assert isinstance(layer, nn.Linear | nn.Conv2d)
    before, behind = _norms_around(unit, name, x[:1])
    if before:
        estimate_statistics(unit, (x.clone() for x in inputs), before)
    slope, passing = None if of_layer else slope_of(unit, name, x), Unactivated(unit, x)
    equations, generator = NormalEquations(), torch.Generator().manual_seed(0)
    for x, target in zip(inputs, targets, strict=True):
        received, emitted, output = _run(passing, f"unit.{name}", x)
        wanted_of_layer = target if slope is None else emitted + (target - output) / slope
        equations.add(*rows_of(layer, received, wanted_of_layer, generator))
    weight, bias = equations.solve(layer.weight.flatten(1))
    layer.weight.copy_(weight.view_as(layer.weight))
    layer.bias = nn.Parameter(bias, requires_grad=layer.weight.requires_grad)
    absorb(unit, behind, inputs)


@torch.no_grad()
def widest_line(unit: nn.Module, x: torch.Tensor) -> str | None:
    """Of the layers on which what a unit gives in front of its last activation depends linearly, that of the most inputs."""
    layers = [
        (module.weight[0].numel(), number, name)
        for number, (name, (module, _)) in enumerate(_all_inputs(unit, x).items())
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight[0].numel() <= WIDEST
    ]
    for _, _, name in sorted(layers, reverse=True):
        layer = unit.get_submodule(name)
        assert isinstance(layer, nn.Linear | nn.Conv2d)
        if slope_of(unit, name, x) is not None and _is_plain(layer, unit, name, x):
            return name
    return None


def last_changed_map(candidate: nn.Module, original: nn.Module, x: torch.Tensor) -> str | None:
    """The last layer to run that mixes channels and either receives something else than in the original, or was changed."""
    received = [_all_inputs(unit, x) for unit in (candidate, original)]
    changed = None
    for name, (module, values) in received[0].items():
        if name not in received[1]:
            continue
        module_was, values_were = received[1][name]
        weights = [part.weight for part in (module, module_was) if isinstance(part, nn.Linear | nn.Conv2d)]
        is_same = values.shape == values_were.shape and torch.equal(values, values_were)
        if not is_same or weights[0].shape != weights[1].shape:
            changed = name
    return changed


def _all_inputs(unit: nn.Module, x: torch.Tensor) -> dict[str, tuple[nn.Module, torch.Tensor]]:
    """What every mixing layer receives, in the order in which they run."""
    received: dict[str, tuple[nn.Module, torch.Tensor]] = {}

    def keeper(name: str) -> Callable[..., None]:
        def keep(module: nn.Module, inputs: tuple[torch.Tensor, ...]) -> None:
            received[name] = (module, inputs[0].clone())

        return keep

    layers = {part: keeper(name) for name, part in unit.named_modules() if is_mixing(part)}
    with hooked(layers, before=True):
        unit(x.clone())
    return received


def _run(unit: nn.Module, name: str, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """What a layer receives and emits, and what the unit gives."""
    seen: list[torch.Tensor] = []

    def keep(_module: nn.Module, inputs: tuple[torch.Tensor, ...], output: torch.Tensor) -> None:
        seen.extend((inputs[0].clone(), output.clone()))

    with hooked({unit.get_submodule(name): keep}):
        output = unit(x.clone())
    return seen[0], seen[1], output


def slope_of(unit: nn.Module, name: str, x: torch.Tensor) -> torch.Tensor | None:
    """By how much what a unit gives in front of its last activation rises with each output of a layer, shaped to divide by.

    It is infinite where it does not rise, so that nothing is asked of such an output; None where it is no line.
    """
    unit, name = Unactivated(unit, x), f"unit.{name}"
    outputs = []
    for shift in (0.0, 1.0, 2.0):
        with hooked({unit.get_submodule(name): lambda _module, _inputs, output, shift=shift: output + shift}):
            outputs.append(unit(x.clone()))
    emitted = _run(unit, name, x)[1]
    rise, twice = outputs[1] - outputs[0], outputs[2] - outputs[0]
    if rise.shape != emitted.shape:
        return None
    layer = unit.get_submodule(name)
    last = channels_last(layer, rise)
    slope = last.flatten(0, -2).mean(0)
    is_line = is_close(twice, 2 * rise, 1e-3) and is_close(last, slope.expand_as(last), 1e-3)
    is_dead = slope.abs() < 1e-6
    if not is_line or bool(is_dead.all()):
        return None
    slope = slope.masked_fill(is_dead, torch.inf)
    return slope if isinstance(layer, nn.Linear) else slope[:, None, None]


def rows_of(
    layer: nn.Linear | nn.Conv2d, received: torch.Tensor, target: torch.Tensor, generator: torch.Generator
) -> tuple[torch.Tensor, torch.Tensor]:
    """The map as a matrix product, ``(rows, inputs)`` and ``(rows, outputs)``, at some places of every image."""
    features = _by_place(layer, received)
    targets = target.flatten(2).transpose(1, 2) if isinstance(layer, nn.Conv2d) else _by_place(layer, target)
    places = _some(features, generator)
    return features[:, places].flatten(0, 1), targets[:, places].flatten(0, 1)


def places_of(layer: nn.Linear | nn.Conv2d, received: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """What a map reads at some places of every image, ``(rows, inputs)``."""
    features = _by_place(layer, received)
    return features[:, _some(features, generator)].flatten(0, 1)


def _by_place(layer: nn.Linear | nn.Conv2d, received: torch.Tensor) -> torch.Tensor:
    """``(images, places, inputs)``."""
    if isinstance(layer, nn.Linear):
        return received.flatten(1, -2) if received.ndim > 2 else received[:, None]
    unfolded = F.unfold(received, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
    return unfolded.transpose(1, 2)


def _some(features: torch.Tensor, generator: torch.Generator) -> torch.Tensor | slice:
    count = features.shape[1]
    return torch.randperm(count, generator=generator)[:_POSITIONS] if count > _POSITIONS else slice(None)


def _is_plain(layer: nn.Linear | nn.Conv2d, unit: nn.Module, name: str, x: torch.Tensor) -> bool:
    """Whether a layer computes what its weights as a matrix say: some pad or scale on their own."""
    received, emitted, _ = _run(unit, name, x)
    try:
        features, targets = rows_of(layer, received, emitted, torch.Generator().manual_seed(0))
    except (TypeError, RuntimeError):
        return False
    product = features @ layer.weight.flatten(1).T + (0.0 if layer.bias is None else layer.bias)
    return is_close(product, targets, 1e-3)


def _norms_around(unit: nn.Module, name: str, x: torch.Tensor) -> tuple[list[_BatchNorm], list[_BatchNorm]]:
    """Batch norms that run before a layer, and behind it, in their order."""
    order: list[nn.Module] = []
    layer, norms = unit.get_submodule(name), [part for part in unit.modules() if isinstance(part, _BatchNorm)]
    with hooked(dict.fromkeys((*norms, layer), lambda module, _inputs: order.append(module)), before=True):
        unit(x.clone())
    at = order.index(layer)
    before, behind = ([norm for norm in part if isinstance(norm, _BatchNorm)] for part in (order[:at], order[at + 1 :]))
    return before, behind
