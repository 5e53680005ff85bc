"""What can be asked of a network: its rating, its latency on a target, its size. Each is a plain, frozen name."""

from __future__ import annotations

from dataclasses import dataclass

from dna_deploy.records.latency_table import Quantile
from dna_deploy.units import Bytes, Count, Duration


@dataclass(frozen=True)
class Rating:
    """How far the network is from what it should be: lower is better."""

    def __str__(self) -> str:
        return "rating"

    def format(self, value: float) -> str:
        return f"{value:.5g}"


@dataclass(frozen=True)
class Latency:
    """The predicted latency in seconds, at a quantile, on a target. No target means the only table's."""

    target: str | None = None
    quantile: Quantile = "p50"

    def __str__(self) -> str:
        return f"latency {self.quantile}{_at(self.target)}"

    def format(self, value: float) -> str:
        return str(Duration(value)) if value >= 0 else f"-{Duration(-value)}"


@dataclass(frozen=True)
class Parameters:
    """Trainable parameters."""

    def __str__(self) -> str:
        return "parameters"

    def format(self, value: float) -> str:
        return str(Count(round(value)))


@dataclass(frozen=True)
class Macs:
    """Multiply-accumulate operations for one image."""

    def __str__(self) -> str:
        return "macs"

    def format(self, value: float) -> str:
        return str(Count(round(value)))


@dataclass(frozen=True)
class WeightBytes:
    """Bytes of the deployed parameters, batch norm folded, in the target's precision (fp32 without a table)."""

    target: str | None = None

    def __str__(self) -> str:
        return f"size{_at(self.target)}"

    def format(self, value: float) -> str:
        return str(Bytes(round(value)))


@dataclass(frozen=True)
class PeakMemory:
    """Bytes of the activations alive at the worst moment, in the target's precision and batch (fp32, 1 without a table)."""

    target: str | None = None

    def __str__(self) -> str:
        return f"memory{_at(self.target)}"

    def format(self, value: float) -> str:
        return str(Bytes(round(value)))


Quantity = Rating | Latency | Parameters | Macs | WeightBytes | PeakMemory


def _at(target: str | None) -> str:
    return f"@{target}" if target else ""
