"""Steps of work inside a layer: the unit in which costs are counted."""

from __future__ import annotations

import math
from dataclasses import dataclass

from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens


@dataclass(frozen=True)
class Step:
    """Some tensors in, one out, and what that takes."""

    inputs: tuple[Shape, ...]
    output: Shape
    weights: int = 0
    """Parameters that stay in an exported file."""
    macs: int = 0
    """Multiply-accumulate operations for one image, with weights or, as in attention, without."""
    folded: int = 0
    """Parameters that export folds into the others."""


def convolution(
    input: FeatureMap, output: FeatureMap, kernel_size: int = 1, groups: int = 1, *, bias: bool = False, batch_norm: bool = True
) -> Step:
    """A convolution; its batch norm, of a scale and a shift a channel, is folded into the weights and a bias."""
    kernel = output.channels * (input.channels // groups) * kernel_size**2
    stays = output.channels * int(bias or batch_norm)
    trained = output.channels * (int(bias) + 2 * int(batch_norm))
    return Step((input,), output, kernel + stays, kernel * output.height * output.width, trained - stays)


def convolutions(input: FeatureMap, *layers: tuple[int, int, int, int]) -> tuple[Step, ...]:
    """Convolutions with batch norm in a row, each from its channels, kernel size, stride and groups."""
    steps = []
    for channels, kernel_size, stride, groups in layers:
        steps.append(convolution(input, input.to(channels, stride), kernel_size, groups))
        input = input.to(channels, stride)
    return tuple(steps)


def norm(input: FeatureMap) -> Step:
    """A batch norm that no convolution takes in: exported as a scale and a shift a channel."""
    return Step((input,), input, 2 * input.channels)


def attention(
    queries: FeatureMap | Tokens, keys: Shape, values: Shape, heads: int, *, shared: bool = False
) -> tuple[Step, Step]:
    """Scores of queries and keys, then the means of values that they weigh.

    Args:
        queries: With the channels of all heads, as keys and values have them.
        keys: What is scored.
        values: What is averaged.
        heads: How many answers are given side by side.
        shared: Whether keys and values have the channels of one head, and all use them.
    """
    many, among = math.prod(queries.extent), math.prod(keys.extent)
    scores = FeatureMap(heads, many, among)
    mixed = queries.to(values.channels * (heads if shared else 1))
    return (
        Step((queries, keys, values), scores, macs=many * among * queries.channels),
        Step((scores, values), mixed, macs=many * among * mixed.channels),
    )


def linear(input: Tokens, channels: int) -> Step:
    """A linear map of every token, with a bias."""
    macs = input.elements * channels
    return Step((input,), Tokens(input.length, channels), (input.channels + 1) * channels, macs)


def layer_norm(input: Tokens) -> Step:
    """Every token brought to mean 0 and deviation 1, then scaled and shifted; no multiply-accumulates, as is the custom."""
    return Step((input,), input, 2 * input.channels)
