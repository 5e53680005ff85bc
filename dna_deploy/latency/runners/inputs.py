"""What a model is fed with: sizes that it leaves open, and numbers that suit each of its inputs."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Self, TypeAlias

import numpy as np
from numpy.typing import DTypeLike
from pydantic import BaseModel, ConfigDict

from dna_deploy.errors import UsageError
from dna_deploy.records.probe_kit import MAX_WEIGHTS_BYTES

_TEXT = re.compile(r"(?:(?P<name>[^=]+)=)?(?P<shape>\d+(?:x\d+)*)?(?::(?P<low>-?\d+)\.\.(?P<high>-?\d+))?")


class GivenInput(BaseModel):
    """What a user says of one input of a model that does not say it itself."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    """Empty means the only input."""
    shape: tuple[int, ...] = ()
    """All sizes, or all but the first."""
    limits: tuple[int, int] | None = None
    """The least and the greatest whole number that it may hold."""

    @classmethod
    def parse(cls, text: str) -> Self:
        """What a user wrote: ``3x224x224``, ``ids=128:0..30521``, or ``ids=:0..9`` where only the numbers matter."""
        parts = _TEXT.fullmatch(text)
        if parts is None or not (parts["shape"] or parts["low"]):
            raise UsageError(f"cannot read the input {text!r}", "write it like 3x224x224, image=3x224x224 or ids=128:0..30521")
        shape = tuple(int(size) for size in (parts["shape"] or "").split("x") if size)
        limits = (int(parts["low"]), int(parts["high"])) if parts["low"] else None
        if 0 in shape or (limits and limits[0] > limits[1]):
            raise UsageError(
                f"the input {text!r} cannot be filled", "sizes are 1 or more, and numbers go from least to greatest"
            )
        return cls(name=parts["name"] or "", shape=shape, limits=limits)


GivenInputs: TypeAlias = Mapping[str, GivenInput]
"""By name."""


def check_is_fed(shapes: Mapping[str, tuple[int, ...]]) -> None:
    """Raises `UsageError` where a model takes nothing: all of it is worked out when it is loaded, and nothing is timed."""
    if not shapes:
        raise UsageError("the model takes no input, so that it computes nothing when it runs", "export it with its input")


def input_values(
    name: str,
    sizes: Sequence[int | None],
    dtype: DTypeLike,
    batch: int,
    given: GivenInputs,
    rng: np.random.Generator,
) -> np.ndarray:
    """Random values for an input: normal for floats, uniform for whole numbers.

    Args:
        name: Of the input.
        sizes: As the model says them; None where it leaves one open. An open first size is the batch.
        dtype: Of its elements.
        batch: Images at once.
        given: What the user says of inputs.
        rng: Draws the values.

    Raises:
        UsageError: a size is left open, or what whole numbers may be is not known, and nothing was said about it.
    """
    said = given.get(name) or given.get("") or GivenInput()
    shape = _shape(name, sizes, batch, said)
    if 0 in shape:
        raise UsageError(f"the input {name!r} is {_words(shape)}, which holds nothing", "export the model for real images")
    if (elements := int(np.prod(shape, dtype=float))) > MAX_WEIGHTS_BYTES:
        raise UsageError(f"the input {name!r} would hold {elements:,} numbers", "give smaller sizes with --input")
    kind = np.dtype(dtype)
    if kind.kind == "b":
        return rng.integers(0, 2, shape).astype(kind)
    if kind.kind in "iu":
        if said.limits is None and kind.itemsize > 1:
            raise UsageError(
                f"the input {name!r} takes whole numbers ({kind}), of which the model may not know all",
                f"say which it may be: --input {name}={'x'.join(map(str, shape[1:]))}:0..9",
            )
        low, high = said.limits or (np.iinfo(kind).min, np.iinfo(kind).max)
        return rng.integers(low, high, shape, dtype=kind, endpoint=True)
    return rng.standard_normal(shape, dtype=np.float32).astype(kind)


def _shape(name: str, sizes: Sequence[int | None], batch: int, said: GivenInput) -> tuple[int, ...]:
    if said.shape and len(said.shape) not in (len(sizes), len(sizes) - 1):
        raise UsageError(
            f"the input {name!r} has {len(sizes)} sizes ({_words(sizes)}), and {_words(said.shape)} was given", _hint(name)
        )
    full = said.shape
    if full and len(full) < len(sizes):
        full = (sizes[0] or batch, *full)
    wrong = [index for index, size in enumerate(full) if sizes[index] not in (None, size)]
    if wrong:
        raise UsageError(
            f"the input {name!r} is {_words(sizes)}, and {_words(full)} was given", "give the sizes it leaves open"
        )
    implied = (batch if size is None and index == 0 else size for index, size in enumerate(sizes))
    shape: tuple[int | None, ...] = full or tuple(implied)
    fixed = tuple(size for size in shape if size is not None)
    if len(fixed) < len(shape):
        raise UsageError(f"the input {name!r} leaves sizes open: {_words(sizes)}", f"say which: {_hint(name)}")
    return fixed


def _words(sizes: Sequence[int | None]) -> str:
    return "x".join("?" if size is None else str(size) for size in sizes)


def _hint(name: str) -> str:
    return f"--input {name}=3x224x224, the batch left out"
