"""How what a module hands on becomes the features that a block imitates, and back: maps in either order of memory, and tokens.

Tokens of a class or of registers stand for no place of the image: they come before the others, and no map holds them.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TypeAlias

import torch
import torch.nn.functional as F

from dna_deploy.records.files import Part
from dna_deploy.spaces.shapes import ChannelsLastMap, FeatureMap, Shape, Tokens, parse_shape

Grid: TypeAlias = tuple[int, int]
"""Height and width of the places that features are known at."""

_MOST_BESIDE = 8
"""Tokens that stand for no place: one or two of a class, and four registers, are usual."""


class Reading(Part):
    """From the output of a module to the features of a block.

    Attributes:
        output: What the module emits, as `parse_shape` reads it.
        grid: The places that it knows.
        places: Of tokens, the number of each place's, row after row.
        size: The places that the block knows.
        tokens: How many tokens the block emits; 0 where it emits a map.
    """

    output: str
    grid: Grid
    places: tuple[int, ...] = ()
    size: Grid
    tokens: int = 0

    @property
    def is_plain(self) -> bool:
        """Whether features are the output itself."""
        shape = parse_shape(self.output)
        if isinstance(shape, Tokens):
            return shape.length == self.tokens and _is_ordered(self.places)
        return isinstance(shape, FeatureMap) and not self.tokens and self.grid == self.size

    def read(self, output: torch.Tensor) -> torch.Tensor:
        """Features ``(batch, channels, *size)``, or ``(batch, tokens, channels)`` where the block emits these."""
        if self.is_plain:
            return output
        features = resized(self._map(output), self.size)
        if not self.tokens:
            return features
        sequence = features.flatten(2).transpose(1, 2)
        beside = self.tokens - sequence.shape[1]  # what they say of the whole image stands in for them
        return torch.cat([sequence.mean(1, keepdim=True).expand(-1, beside, -1), sequence], 1)

    def write(self, features: torch.Tensor, output: torch.Tensor) -> torch.Tensor:
        """The ``output`` of a module, of as many images or of one, with features in the places that they are of."""
        if self.is_plain:
            return features
        if self.tokens:
            features = _as_map(features[:, -math.prod(self.size) :], self.size)
        features = resized(features, self.grid)
        match parse_shape(self.output):
            case FeatureMap():
                return features
            case ChannelsLastMap():
                return features.permute(0, 2, 3, 1)
            case Tokens():
                written = output.expand(len(features), -1, -1).clone()
                written[:, list(self.places)] = features.flatten(2).transpose(1, 2).to(written)
                return written

    def _map(self, output: torch.Tensor) -> torch.Tensor:
        match parse_shape(self.output):
            case FeatureMap():
                return output
            case ChannelsLastMap():
                return output.permute(0, 3, 1, 2)
            case Tokens():
                return _as_map(output[:, list(self.places)], self.grid)


def resized(features: torch.Tensor, size: Grid) -> torch.Tensor:
    """Maps ``(batch, channels, height, width)`` at other places: means where there are fewer, else lines between neighbours."""
    height, width = features.shape[2:]
    if (height, width) == size:
        return features
    if height >= size[0] and width >= size[1]:
        return F.adaptive_avg_pool2d(features, size)
    return F.interpolate(features, size, mode="bilinear", antialias=True)


def shape_of(tensor: torch.Tensor, images: int, input: FeatureMap) -> Shape | None:
    """What a tensor of so many images is. Which sizes of a map are height and width is told from those of the images."""
    if len(tensor) != images or not tensor.is_floating_point():
        return None
    match tuple(tensor.shape[1:]):
        case (first, second, third) if min(first, second, third) > 0:
            aspect = math.log(input.height / input.width)
            is_last = abs(math.log(first / second) - aspect) < abs(math.log(second / third) - aspect)
            return ChannelsLastMap(first, second, third) if is_last else FeatureMap(first, second, third)
        case (length, channels):
            return Tokens(length, channels)
    return None


def grid_of(shape: Shape, input: FeatureMap) -> Grid | None:
    """The places that a shape knows of images ``input``; None where it knows none, or cannot be read."""
    if not isinstance(shape, Tokens):
        height, width = shape.extent
        return (height, width) if _is_like(height, width, input) else None
    for places in range(shape.length, max(0, shape.length - _MOST_BESIDE - 1), -1):
        height = round(math.sqrt(places * input.height / input.width))
        if height and places % height == 0 and _is_like(height, places // height, input):
            return height, places // height
    return None


def usual_places(shape: Shape, grid: Grid) -> tuple[int, ...]:
    """The numbers of the tokens of all places where these stand row after row at the end; nothing for a map."""
    return tuple(range(shape.length - math.prod(grid), shape.length)) if isinstance(shape, Tokens) else ()


def places_in(tokens: torch.Tensor, features: torch.Tensor) -> tuple[int, ...] | None:
    """The number of the token of every place, from a map ``(1, channels, height, width)`` of the same; None where it is not."""
    vectors = features[0].flatten(1).T
    if tokens.shape[2] != vectors.shape[1] or not 0 <= tokens.shape[1] - len(vectors) <= _MOST_BESIDE:
        return None
    distances, places = torch.cdist(vectors, tokens[0], compute_mode="donot_use_mm_for_euclid_dist").min(1)
    is_same = distances.max() <= 1e-5 * (1 + vectors.norm(dim=1).max()) and len(set(places.tolist())) == len(places)
    return tuple(places.tolist()) if is_same else None


def _as_map(tokens: torch.Tensor, grid: Grid) -> torch.Tensor:
    return tokens.transpose(1, 2).reshape(len(tokens), tokens.shape[2], *grid)


def _is_ordered(places: tuple[int, ...]) -> bool:
    return all(second == first + 1 for first, second in pairwise(places))


def _is_like(height: int, width: int, input: FeatureMap) -> bool:
    """Whether places are spread as pixels are, but for less than one row or column."""
    return abs(height * input.width - width * input.height) < max(input.height, input.width)
