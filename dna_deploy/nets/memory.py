"""Running out of memory, said as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from dna_deploy.errors import OutOfMemoryError

_ON_CPU = "can't allocate memory"


@contextmanager
def memory_for(what: str, batch: int) -> Iterator[None]:
    """Turns an allocator's failure inside into an error that names the work and a smaller batch.

    The batch is not made smaller behind the user's back: batch norms would see other statistics, and the result of a seed
    would depend on the machine.
    """
    try:
        yield
    except (torch.OutOfMemoryError, RuntimeError) as error:
        if not isinstance(error, torch.OutOfMemoryError) and _ON_CPU not in str(error):
            raise
        smaller = f"take a smaller batch, such as {max(2, batch // 2)}; what was saved is kept"
        raise OutOfMemoryError(f"{what} with batches of {batch} images does not fit in memory", smaller) from error
