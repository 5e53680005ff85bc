"""What a user demands of a network, and the short text form of it: ``20ms@jetson``, ``5ms..20ms``, ``12MiB``."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest
from dna_deploy.records.samples import Quantile, read_quantile
from dna_deploy.search.quantities import Latency, Macs, Parameters, PeakMemory, Quantity, Rating, WeightBytes
from dna_deploy.units import Bytes, Count, Duration


@dataclass(frozen=True)
class Constraint:
    """A quantity that must not exceed, or not fall below, a bound. Bounds are in SI units: seconds, bytes, counts.

    >>> Constraint.parse("latency", "5ms..20ms@jetson:p90")
    Constraint(quantity=Latency(target='jetson', quantile='p90'), at_most=0.02, at_least=0.005)
    """

    quantity: Quantity
    at_most: float = math.inf
    at_least: float = -math.inf

    def __post_init__(self) -> None:
        if math.isnan(self.at_most) or math.isnan(self.at_least):
            raise UsageError(f"a bound of the {self.quantity} is not a number")
        if self.at_least > self.at_most:
            raise UsageError(
                f"contradiction: the {self.quantity} must be at least {self.quantity.format(self.at_least)} "
                f"and at most {self.quantity.format(self.at_most)}",
                "loosen one of the two",
            )

    @classmethod
    def parse(cls, name: str, text: str, quantile: Quantile = "p50") -> Constraint:
        """The constraint that a user wrote: ``BOUND``, ``LEAST..MOST``, ``LEAST..`` or ``..MOST``, then ``@target``,
        then, for a latency, ``:quantile``.
        """
        if name not in _READERS:
            raise UsageError(f"unknown quantity {name!r}", suggest(name, tuple(_READERS)))
        bounds, _, place = text.partition("@")
        if name == "latency" and not place:
            bounds, _, level = bounds.partition(":")
            target = ""
        else:
            target, _, level = place.partition(":")
        quantity = _quantity(name, target or None, read_quantile(level) if level else quantile)
        least, separator, most = bounds.rpartition("..")
        read = _READERS[name]
        return cls(
            quantity,
            at_most=read(most) if most or not separator else math.inf,
            at_least=read(least) if least else -math.inf,
        )

    def __str__(self) -> str:
        show = self.quantity.format
        bounds = (("at least", self.at_least), ("at most", self.at_most))
        parts = [f"{word} {show(bound)}" for word, bound in bounds if math.isfinite(bound)]
        return f"{self.quantity} {' and '.join(parts) or 'free'}"


def combined(constraints: Iterable[Constraint]) -> tuple[Constraint, ...]:
    """One constraint a quantity, the tightest of each.

    Raises:
        UsageError: two constraints contradict each other; both are named.
    """
    tightest: dict[Quantity, Constraint] = {}
    for new in constraints:
        old = tightest.get(new.quantity, new)
        least, most = max(old.at_least, new.at_least), min(old.at_most, new.at_most)
        if least > most:
            raise UsageError(f"contradiction: {old}, but {new}", "loosen one of the two")
        tightest[new.quantity] = replace(new, at_least=least, at_most=most)
    return tuple(tightest.values())


_READERS: dict[str, Callable[[str], float]] = {
    "latency": lambda text: Duration.parse(text).seconds,
    "parameters": lambda text: Count.parse(text).value,
    "macs": lambda text: Count.parse(text).value,
    "size": lambda text: Bytes.parse(text).count,
    "memory": lambda text: Bytes.parse(text).count,
}


def read_quantity(text: str, quantile: Quantile = "p50") -> Quantity:
    """The quantity that a user named: ``rating``, ``macs``, ``latency``, ``latency@jetson:p90``, ..."""
    name, _, place = text.partition("@")
    if name == "rating":
        return Rating()
    if name not in _READERS:
        raise UsageError(f"unknown quantity {name!r}", suggest(name, ("rating", *_READERS)))
    target, _, level = place.partition(":")
    return _quantity(name, target or None, read_quantile(level) if level else quantile)


def _quantity(name: str, target: str | None, quantile: Quantile) -> Quantity:
    match name:
        case "latency":
            return Latency(target, quantile)
        case "size":
            return WeightBytes(target)
        case "memory":
            return PeakMemory(target)
    if target:
        raise UsageError(f"{name} are the same on every target", f"leave out @{target}")
    return Parameters() if name == "parameters" else Macs()
