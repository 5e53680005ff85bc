"""Running out of memory: said as what it is, and met with smaller portions of the same batch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TypeVar

import torch

from dna_deploy.errors import OutOfMemoryError

Result = TypeVar("Result")

_ON_CPU = "can't allocate memory"
_SMALLEST = 2
"""Images of which batch norms can still take statistics."""


@contextmanager
def memory_for(what: str, batch: int) -> Iterator[None]:
    """Turns an allocator's failure inside into an error that names the work and a smaller batch."""
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        smaller = f"take a smaller batch, such as {max(_SMALLEST, batch // 2)}; what was saved is kept"
        raise OutOfMemoryError(f"{what} with batches of {batch} images does not fit in memory", smaller) from error


@dataclass
class Portions:
    """In how many portions the batches of some work are run: in one, until memory runs out, then in twice as many.

    Gradients of portions add up to the batch's. Batch norms, though, see the statistics of a portion: results differ from
    those of a machine with more memory, which is why `remark` is to be shown and kept.
    """

    what: str
    batch: int
    count: int = 1
    smallest: int = _SMALLEST
    _said: str = field(default="", init=False)

    def run(self, work: Callable[[int], Result]) -> Result:
        """What ``work`` returns, which is given the number of portions. It is called again where memory was short.

        Raises:
            OutOfMemoryError: the smallest portions do not fit either.
        """
        while self.batch // (2 * self.count) >= self.smallest:
            try:
                return work(self.count)
            except (torch.OutOfMemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
            if torch.cuda.is_available():
                torch.cuda.empty_cache()
            self.count *= 2
        with memory_for(self.what, -(-self.batch // self.count)):
            return work(self.count)

    @property
    def remark(self) -> str:
        """What is to be said; empty where batches are run whole."""
        if self.count == 1:
            return ""
        size = -(-self.batch // self.count)
        return f"memory is short: batches of {self.batch} are run in portions of {size}, whose batch norms see {size} images"

    def news(self) -> str:
        """The remark, once whenever it has changed; for a progress event's notice."""
        said, self._said = self._said, self.remark
        return "" if self.remark == said else self.remark


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or _ON_CPU in str(error)
