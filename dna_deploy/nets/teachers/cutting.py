"""A network of others as a teacher: cut into blocks where a space has them, without changing its code."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.nets.teachers.boundaries import CutPoint, are_far, choose_cuts, mismatch
from dna_deploy.nets.teachers.finding import LAYER, CutFinder
from dna_deploy.nets.teachers.hooks import keeping, scores_with
from dna_deploy.nets.teachers.reading import Grid, Reading, grid_of, resized
from dna_deploy.plugins import suggest
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens

Statistics = tuple[tuple[float, ...], tuple[float, ...]]


class CutByModules(nn.Module):
    """A network with its features after some of its modules, and its scores from the last of them.

    Attributes:
        readings: How outputs become features, one a cut; none where they are the outputs themselves.
        resolution: Height and width of the images that the network is given; others are resized.
    """

    def __init__(
        self, network: nn.Module, cuts: Sequence[str], input: FeatureMap, readings: Sequence[Reading] = (),
        resolution: Grid | None = None,
    ) -> None:  # fmt: skip
        super().__init__()
        self.scale: torch.Tensor
        self.shift: torch.Tensor
        self.register_buffer("scale", torch.ones(1, input.channels, 1, 1))
        self.register_buffer("shift", torch.zeros(1, input.channels, 1, 1))
        self.network = network
        self.cuts = tuple(cuts)
        self.input = input
        self.readings = () if all(reading.is_plain for reading in readings) else tuple(readings)
        self.resolution = resolution or (input.height, input.width)
        self.prefix_batch: int | None = 1

    def expect(self, given: Statistics, own: Statistics) -> None:
        """Lets the network, trained on inputs ``own``, take inputs ``given``: (mean, deviation) of bytes, each."""
        (mean, deviation), (own_mean, own_deviation) = (torch.tensor(moments).view(2, 1, -1, 1, 1) for moments in (given, own))
        self.scale, self.shift = deviation / own_deviation, (mean - own_mean) / own_deviation

    def features(self, x: torch.Tensor) -> list[torch.Tensor]:
        """What the modules tell maps ``(batch, channels, height, width)``, or tokens ``(batch, length, channels)``."""
        return [feature.clone() for feature in self.features_and_scores(x)[0]]  # what follows may work in place

    def features_and_scores(self, x: torch.Tensor) -> tuple[list[torch.Tensor], torch.Tensor]:
        """The same and, from the same run, the scores."""
        outputs: dict[str, torch.Tensor] = {}
        with keeping(self.network, self.cuts, outputs):
            scores: torch.Tensor = self.network(self._as_expected(x))
        emitted = [outputs[name] for name in self.cuts]
        if self.readings:
            emitted = [reading.read(output) for reading, output in zip(self.readings, emitted, strict=True)]
        return emitted, scores

    def head(self, features: torch.Tensor) -> torch.Tensor:
        """Scores from features in the place of the last module's.

        What comes before the cut runs on a single blank image where the network allows it. It counts for nothing, but for what
        no features hold: tokens of a class, and what passes the cut by.
        """
        batch = self.prefix_batch or len(features)
        blank = torch.zeros(batch, self.input.channels, *self.resolution, device=features.device)
        write = self.readings[-1].write if self.readings else lambda features, _output: features
        return scores_with(self.network, self.cuts[-1], lambda output: write(features, output), blank)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.network(self._as_expected(x))
        return scores

    @property
    def remarks(self) -> tuple[str, ...]:
        """What is said of a teacher that does not fit by itself."""
        given, own = (f"{height}x{width}" for height, width in ((self.input.height, self.input.width), self.resolution))
        remarks = [f"the teacher takes images of {own}: those of {given} are resized for it"] if given != own else []
        pairs = {(reading.grid, reading.size): None for reading in self.readings if reading.grid != reading.size}
        if pairs:
            changes = ", ".join(f"{old[0]}x{old[1]} to {new[0]}x{new[1]}" for old, new in pairs)
            remarks.append(f"features of the teacher are resized to those of the blocks: {changes}")
        if shared := [name for name in dict.fromkeys(self.cuts) if self.cuts.count(name) > 1]:
            remarks.append(f"several blocks imitate the same features of the teacher: {', '.join(shared)}")
        return tuple(remarks)

    def _as_expected(self, x: torch.Tensor) -> torch.Tensor:
        return resized(x, self.resolution) * self.scale + self.shift


@torch.no_grad()
def cut_network(network: nn.Module, space: ChainSpace, cuts: Sequence[str] = (), made_for: Grid | None = None) -> CutByModules:
    """The network cut where the blocks of a space end, or after the modules ``cuts`` (one a block).

    Images that it does not take are resized to the height and width that it was ``made_for``, where these are known.

    Raises:
        UsageError: no such modules, no features that know places of the image, or images that it does not take.
    """
    network, input = network.eval(), space.input
    if cuts:
        _check_names(network, cuts)
    try:
        finder = CutFinder(network, input, cuts)
    except UsageError:
        if made_for in (None, (input.height, input.width)):
            raise
        finder = CutFinder(network, FeatureMap(input.channels, *made_for), cuts)
    blocks = space.index.frames
    sizes = [_size(shape, input) for shape in blocks]
    chosen = _by_hand(finder, cuts, space) if cuts else _by_size(finder, sizes)
    readings = [
        Reading(
            output=str(point.shape), grid=point.grid, places=point.places, size=size,
            tokens=shape.length if isinstance(shape, Tokens) else 0,
        )
        for point, size, shape in zip(chosen, sizes, blocks, strict=True)
    ]  # fmt: skip
    names, resolution = [point.name for point in chosen], (finder.input.height, finder.input.width)
    cut = CutByModules(network, names, input, readings, resolution)
    cut.prefix_batch = _prefix_batch(cut)
    return cut


def _by_size(finder: CutFinder, sizes: Sequence[Grid]) -> tuple[CutPoint, ...]:
    """A cut point a block: the end of a stage that nothing passes by, unless others are much nearer to the size of a block."""
    points = finder.points()
    if are_far(points, sizes):
        others = finder.points(LAYER), finder.points(is_whole=False)
        points = min(points, *others, key=lambda points: mismatch(points, sizes))
    if not points:
        raise UsageError(
            "the teacher has no features that know places of the image, and on which its scores depend",
            "take one with feature maps or tokens, such as timm:resnet18",
        )
    return choose_cuts(points, sizes)


def _by_hand(finder: CutFinder, cuts: Sequence[str], space: ChainSpace) -> tuple[CutPoint, ...]:
    points = {point.name: point for point in finder.points(0)}
    if wrong := [name for name in cuts if name not in points]:
        raise UsageError(
            f"the teacher cannot be cut after {wrong[0]!r}: its scores depend on more than what comes out there",
            suggest(wrong[0], sorted(points)),
        )
    if len(cuts) != len(space.index.frames):
        raise UsageError(
            f"the teacher is cut into {len(cuts)} blocks; {space.name!r} has {len(space.index.frames)}", "name one cut a block"
        )
    return tuple(points[name] for name in cuts)


def _size(shape: Shape, input: FeatureMap) -> Grid:
    if isinstance(shape, FeatureMap):
        return shape.height, shape.width
    grid = grid_of(shape, input)
    if grid is None:
        raise UsageError(f"a block emits {shape}, which is no map of images of {input}", "rate whole networks of the space")
    return grid


def _check_names(network: nn.Module, cuts: Sequence[str]) -> None:
    names = [name for name, _ in network.named_modules() if name]
    for name in cuts:
        if name not in names:
            raise UsageError(f"the teacher has no module {name!r}", suggest(name, names))


def _prefix_batch(network: CutByModules) -> int | None:
    """1 where the part before the cut may run on one image, whatever number follows; else None: on as many."""
    images = torch.rand(2, network.input.channels, network.input.height, network.input.width)
    features = network.features(images)[-1]
    network.prefix_batch = None
    expected = network.head(features)
    network.prefix_batch = 1
    try:
        return 1 if torch.equal(network.head(features), expected) else None
    except RuntimeError:  # a network that reshapes by the number of images it was given
        return None
