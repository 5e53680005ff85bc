"""Steps of work inside a layer: the unit in which costs are counted."""

from __future__ import annotations

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


def linear(input: Tokens, channels: int) -> Step:
    """A linear map of every token, with a bias."""
    macs = input.elements * channels
    return Step((input,), Tokens(input.length, channels), (input.channels + 1) * channels, macs)


def layer_norm(input: Tokens) -> Step:
    """Every token brought to mean 0 and deviation 1, then scaled and shifted; no multiply-accumulates, as is the custom."""
    return Step((input,), input, 2 * input.channels)
