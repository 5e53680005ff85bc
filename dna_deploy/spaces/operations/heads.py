"""Heads besides `ClassifierHead`. Their width, where they are placed, is the number of classes."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.spaces.operations import Operation, Place
from dna_deploy.spaces.shapes import FeatureMap, Tokens
from dna_deploy.spaces.step import Step, convolution, convolutions, layer_norm


@dataclass(frozen=True)
class PooledHead(Operation):
    """Global average pool first, then a 1x1 convolution, batch norm, activation and a linear map (MobileNetV4)."""

    hidden_channels: int
    activation: str = "relu"

    @property
    def code(self) -> str:
        return f"pooled{self.hidden_channels}"

    def output(self, at: Place) -> FeatureMap:
        return FeatureMap(at.out_channels, 1, 1)

    def steps(self, at: Place) -> tuple[Step, ...]:
        hidden = convolutions(FeatureMap(at.feature_map.channels, 1, 1), (self.hidden_channels, 1, 1, 1))
        last = convolution(FeatureMap(self.hidden_channels, 1, 1), self.output(at), bias=True, batch_norm=False)
        return *hidden, last


@dataclass(frozen=True)
class LinearHead(Operation):
    """Global average pool and a linear map, as in ResNet."""

    @property
    def code(self) -> str:
        return "linear"

    def output(self, at: Place) -> FeatureMap:
        return FeatureMap(at.out_channels, 1, 1)

    def steps(self, at: Place) -> tuple[Step, ...]:
        return (convolution(FeatureMap(at.feature_map.channels, 1, 1), self.output(at), bias=True, batch_norm=False),)


@dataclass(frozen=True)
class TokenHead(Operation):
    """Layer norm of the first token (``first``) or the mean of all (``mean``), and a linear map."""

    token: str = "first"

    @property
    def code(self) -> str:
        return self.token

    def output(self, at: Place) -> FeatureMap:
        return FeatureMap(at.out_channels, 1, 1)

    def steps(self, at: Place) -> tuple[Step, ...]:
        x = Tokens(1, at.tokens.channels)
        pooled = FeatureMap(x.channels, 1, 1)
        return layer_norm(x), convolution(pooled, self.output(at), bias=True, batch_norm=False)
