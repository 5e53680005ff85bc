"""Quantities that carry their unit: parsed and printed in one place."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Self

from dna_deploy.errors import UsageError

_NUMBER = re.compile(r"\s*([+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[+-]?nan|[+-]?inf)\s*([^\d\s]*)\s*", re.IGNORECASE)
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_BYTES = {"B": 1, "kB": 10**3, "MB": 10**6, "GB": 10**9, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
_COUNT = {"": 1, "k": 10**3, "K": 10**3, "M": 10**6, "G": 10**9, "B": 10**9}


def _split(text: str, what: str, example: str) -> tuple[float, str]:
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise UsageError(f"{what} {text!r} is not a number with a unit", f"write it like {example}")
    value = float(match[1])
    if not math.isfinite(value):
        raise UsageError(f"{what} {text!r} is not finite", f"write it like {example}")
    if value <= 0:
        raise UsageError(f"{what} {text!r} is not positive", f"write it like {example}")
    return value, match[2]


def _unit(unit: str, units: dict[str, float] | dict[str, int], text: str, what: str, example: str) -> float:
    if unit in units:
        return units[unit]
    names = ", ".join(name for name in units if name)
    problem = f"has no unit ({names})" if not unit else f"has an unknown unit {unit!r} (known: {names})"
    raise UsageError(f"{what} {text!r} {problem}", f"write it like {example}")


def _refuse_operations(value: float, unit: str, text: str) -> None:
    """Explains what is counted to those who count operations otherwise: one multiply-accumulate is two FLOPs."""
    match = re.fullmatch(r"([kKMGB]?)(FLOP|OP|MAC|MADD)s?(?:/s)?", unit, re.IGNORECASE)
    prefix = next((name for name in _COUNT if match and name and name.lower() == match[1].lower()), "")
    if match is None:
        return
    if match[2].upper() in ("MAC", "MADD"):
        raise UsageError(f"count {text!r} has a unit, and needs none", f"write {value:g}{prefix}")
    raise UsageError(
        f"count {text!r} is in {match[2].upper()}s, and multiply-accumulates (MACs) are counted here: one is two FLOPs",
        f"write {value / 2:g}{prefix}",
    )


def _refuse_rate(value: float, unit: str, text: str) -> None:
    """Turns a rate of frames into the time of one."""
    if unit.lower() in ("fps", "hz", "ips", "images/s", "frames/s"):
        raise UsageError(f"duration {text!r} is a rate, not a time", f"write {str(Duration(1 / value)).replace(' ', '')}")


def _digits(value: float) -> str:
    """Three significant digits at least, and never an exponent."""
    return f"{value:.0f}" if value >= 1000 else f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}" if value > 0 else "0"


@dataclass(frozen=True, order=True)
class Duration:
    """A time span. Finite and never negative."""

    seconds: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.seconds) and self.seconds >= 0):
            raise UsageError(f"a duration of {self.seconds} s does not exist", "durations are finite and not negative")

    @classmethod
    def parse(cls, text: str) -> Self:
        """The duration that a user wrote, such as ``20ms``. A bare number, zero, NaN and negatives are refused."""
        value, unit = _split(text, "duration", "20ms")
        _refuse_rate(value, unit, text)
        return cls(value * _unit(unit, _SECONDS, text, "duration", "20ms"))

    def __str__(self) -> str:
        for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
            if self.seconds >= size:
                return f"{_digits(self.seconds / size)} {unit}"
        return f"{_digits(self.seconds * 1e9)} ns"


@dataclass(frozen=True, order=True)
class Bytes:
    """An amount of memory."""

    count: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The amount that a user wrote, such as ``12MiB``."""
        value, unit = _split(text, "size", "12MiB")
        return cls(math.floor(value * _unit(unit, _BYTES, text, "size", "12MiB")))

    def __str__(self) -> str:
        for unit in ("GiB", "MiB", "KiB"):
            if self.count >= _BYTES[unit]:
                return f"{_digits(self.count / _BYTES[unit])} {unit}"
        return f"{self.count} B"


@dataclass(frozen=True, order=True)
class Count:
    """A number of things, such as parameters or multiply-accumulate operations."""

    value: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The number that a user wrote, such as ``5.3M`` or ``400000``."""
        value, unit = _split(text, "count", "5.3M")
        _refuse_operations(value, unit, text)
        return cls(math.floor(value * _unit(unit, _COUNT, text, "count", "5.3M")))

    def __str__(self) -> str:
        for unit in ("G", "M", "k"):
            if self.value >= _COUNT[unit]:
                return f"{_digits(self.value / _COUNT[unit])} {unit}"
        return str(self.value)
