"""Cuts any network into blocks without reading its code: finds the modules after which only their output matters.

Such a cut point is proved by running: if the scores of one image follow from the module's output for it, whatever image
the network itself is given, then nothing else crosses the cut.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.shapes import FeatureMap

Statistics = tuple[tuple[float, ...], tuple[float, ...]]

_CONVOLUTIONAL = "take a convolutional teacher, such as timm:resnet18"

_SMALLEST_STAGE = 2
"""Weighted layers of a module that may be a block; a lone convolution, such as a head's, is none."""


class CutByModules(nn.Module):
    """A network with its features after some of its modules, and its scores from the last of them."""

    def __init__(self, network: nn.Module, cuts: Sequence[str], input: FeatureMap) -> None:
        super().__init__()
        self.scale: torch.Tensor
        self.shift: torch.Tensor
        self.register_buffer("scale", torch.ones(1, input.channels, 1, 1))
        self.register_buffer("shift", torch.zeros(1, input.channels, 1, 1))
        self.network = network
        self.cuts = tuple(cuts)
        self.input = input
        self.prefix_batch: int | None = 1

    def expect(self, given: Statistics, own: Statistics) -> None:
        """Lets the network, trained on inputs ``own``, take inputs ``given``: (mean, deviation) of bytes, each."""
        (mean, deviation), (own_mean, own_deviation) = (torch.tensor(moments).view(2, 1, -1, 1, 1) for moments in (given, own))
        self.scale, self.shift = deviation / own_deviation, (mean - own_mean) / own_deviation

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The outputs of the modules, ``(batch, channels, height, width)`` each."""
        return [feature.clone() for feature in self.features_and_scores(x)[0]]  # what follows may work in place

    def features_and_scores(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The outputs of the modules and, from the same run, the scores."""
        features: dict[str, torch.Tensor] = {}
        hooks = [self.network.get_submodule(name).register_forward_hook(_keeper(features, name)) for name in self.cuts]
        try:
            scores: torch.Tensor = self.network(self._as_expected(x))
        finally:
            for hook in hooks:
                hook.remove()
        return [features[name] for name in self.cuts], scores

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """Scores from features in the place of the last module's.

        What comes before the cut runs on a single blank image where the network allows it, and counts for nothing.
        """
        batch = self.prefix_batch or len(features)
        blank = torch.zeros(batch, self.input.channels, self.input.height, self.input.width, device=features.device)
        return scores_from(self.network, self.cuts[-1], features, blank)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network(self._as_expected(x))
        return scores

    def _as_expected(self, x: torch.Tensor) -> torch.Tensor:
        return x * self.scale + self.shift


def scores_from(network: nn.Module, cut: str, features: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """The scores of ``network`` for ``x`` with the output of one module replaced."""
    hook = network.get_submodule(cut).register_forward_hook(lambda _module, _input, _output: features)
    try:
        scores: torch.Tensor = network(x)
    finally:
        hook.remove()
    return scores


@dataclass(frozen=True)
class CutPoint:
    """A module after which the network may be cut, and the shape there."""

    name: str
    shape: FeatureMap

    @property
    def level(self) -> int:
        """How deep the module is nested."""
        return self.name.count(".") + 1


@torch.no_grad()
def cut_network(network: nn.Module, space: ChainSpace, cuts: Sequence[str] = ()) -> CutByModules:
    """The network cut where the blocks of a space end, or after the modules ``cuts`` (one a block).

    Raises:
        UsageError: no such modules, or the network has no features of a block's size.
    """
    network = network.eval()
    if cuts:
        _check_names(network, cuts)
    points = cut_points(network, space.input, cuts)
    names = {point.name for point in points}
    if wrong := [name for name in cuts if name not in names]:
        raise UsageError(
            f"the teacher cannot be cut after {wrong[0]!r}: its scores depend on more than what comes out there",
            suggest(wrong[0], sorted(names)),
        )
    cut = CutByModules(network, cuts or choose_cuts(points, space), space.input)
    cut.prefix_batch = _prefix_batch(cut)
    return cut


@torch.no_grad()
def cut_points(network: nn.Module, input: FeatureMap, names: Sequence[str] = ()) -> list[CutPoint]:
    """The modules after which the network may be cut, in the order in which they run: of ``names``, or of all stages."""
    images = torch.rand(2, 1, input.channels, input.height, input.width, generator=torch.Generator().manual_seed(0))
    outputs: dict[str, torch.Tensor] = {}
    modules = [(name, module) for name, module in network.named_modules() if (name in names if names else _is_stage(module))]
    hooks = [module.register_forward_hook(_keeper(outputs, name)) for name, module in modules]
    try:
        expected = network(images[1])
    except (RuntimeError, AssertionError, ValueError, TypeError, IndexError) as error:
        reason = str(error).partition("\n")[0][:160] or type(error).__name__
        raise UsageError(
            f"the teacher does not take images of {input}: {reason}",
            "take a resolution that it was made for, or another teacher",
        ) from error
    finally:
        for hook in hooks:
            hook.remove()
    _check_maps(outputs, names)
    points = []
    seen: set[int] = set()
    for name in sorted(outputs, key=lambda name: (name.count("."), name)):  # a container before its last child
        if id(outputs[name]) in seen:
            continue
        seen.add(id(outputs[name]))
        if torch.equal(scores_from(network, name, outputs[name].clone(), images[0]), expected):
            points.append(CutPoint(name, FeatureMap(*outputs[name].shape[1:])))
    order = list(outputs)
    return sorted(points, key=lambda point: order.index(point.name))


def _check_maps(outputs: Mapping[str, torch.Tensor], names: Sequence[str]) -> None:
    """Raises `UsageError` where what comes out of the modules is no map of features, channels first."""
    shapes = [tuple(output.shape[1:]) for output in outputs.values()]
    if not shapes and not names:
        raise UsageError("the teacher has no maps of features to imitate, but tokens: it is a transformer", _CONVOLUTIONAL)
    if shapes and all(first == second != third for first, second, third in shapes) and len(set(shapes)) > 1:
        raise UsageError(
            f"the teacher's features have their channels last ({'x'.join(map(str, shapes[-1]))}); blocks have them first",
            _CONVOLUTIONAL,
        )


def choose_cuts(points: Sequence[CutPoint], space: ChainSpace) -> tuple[str, ...]:
    """One cut point a block, of the block's size: ends of stages where there are enough, else evenly spaced modules.

    Raises:
        UsageError: there are too few points of a block's size.
    """
    sizes = [(shapes[0].height, shapes[0].width) for shapes in space.index.maps]
    cuts: list[str] = []
    for size in dict.fromkeys(sizes):
        blocks = sizes.count(size)
        here = [point for point in points if (point.shape.height, point.shape.width) == size]
        if len(here) < blocks:
            emitted = sorted({f"{point.shape.height}x{point.shape.width}" for point in points}) or ["none"]
            raise UsageError(
                f"{space.name!r} has {blocks} blocks with {size[0]}x{size[1]} features; the teacher has {len(here)} places "
                f"of that size to be cut at",
                f"its strides do not match (its sizes: {', '.join(emitted)}): take another resolution or teacher",
            )
        cuts += [point.name for point in _spread(_shallowest(here, blocks), blocks)]
    return tuple(cuts)


def _shallowest(points: Sequence[CutPoint], blocks: int) -> list[CutPoint]:
    """The points of the fewest levels that are enough; of them only the ends of stages, where those are enough."""
    level = next(level for level in range(1, 99) if sum(point.level <= level for point in points) >= blocks)
    enough = [point for point in points if point.level <= level]
    follows = [*enough[1:], None]
    ends = [
        point
        for point, after in zip(enough, follows, strict=True)
        if after is None or after.shape.channels != point.shape.channels
    ]
    return ends if len(ends) >= blocks else enough


def _spread(points: Sequence[CutPoint], count: int) -> list[CutPoint]:
    """``count`` of the points, evenly spaced, the last among them."""
    return [points[-(-(number + 1) * len(points) // count) - 1] for number in range(count)]


def _is_stage(module: nn.Module) -> bool:
    if isinstance(module, nn.Sequential):
        return len(module) > 0 and _is_stage(module[-1])
    layers = [m for m in module.modules() if isinstance(m, nn.Conv2d | nn.Linear) and m.weight.ndim > 1]
    return len(layers) >= _SMALLEST_STAGE


def _keeper(outputs: dict[str, torch.Tensor], name: str) -> Callable[[nn.Module, object, object], None]:
    def keep(_module: nn.Module, _input: object, output: object) -> None:
        if isinstance(output, torch.Tensor) and output.ndim == 4 and name:
            outputs[name] = output

    return keep


def _check_names(network: nn.Module, cuts: Sequence[str]) -> None:
    names = [name for name, _ in network.named_modules() if name]
    for name in cuts:
        if name not in names:
            raise UsageError(f"the teacher has no module {name!r}", suggest(name, names))


def _prefix_batch(network: CutByModules) -> int | None:
    """1 where the part before the cut may run on one image, whatever number follows; else None: on as many."""
    images = torch.rand(2, network.input.channels, network.input.height, network.input.width)
    features, scores = network.features_and_scores(images)
    try:
        is_same = torch.equal(network.head(features[-1]), scores)
    except RuntimeError:  # a network that reshapes by the number of images it was given
        is_same = False
    return 1 if is_same else None
