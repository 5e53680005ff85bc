"""Processes that ``torchrun`` started: which of them this is, and how they wait for each other.

Each runs the same command. They share files, and no tensor: a rank works on its part, waits, and reads what others wrote.
"""

from __future__ import annotations

import atexit
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from torch import distributed

_PATIENCE = timedelta(days=14)
"""Parts of a long training may end days apart; a rank that fails is noticed by torchrun, which ends the others."""


@dataclass(frozen=True)
class Ranks:
    """This process among those that torchrun started; the only one where it did not."""

    rank: int = 0
    count: int = 1
    local_rank: int = 0

    @classmethod
    def here(cls) -> Ranks:
        """As torchrun says in the environment."""
        if "TORCHELASTIC_RUN_ID" not in os.environ:  # others set RANK and WORLD_SIZE for purposes of their own
            return cls()
        return cls(*(int(os.environ[name]) for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")))

    @property
    def is_first(self) -> bool:
        """Whether this is the one that prints and writes what all have in common."""
        return self.rank == 0

    def wait(self) -> None:
        """Returns once every rank is here."""
        if self.count == 1:
            return
        if not distributed.is_initialized():
            distributed.init_process_group("gloo", timeout=_PATIENCE)
            atexit.register(distributed.destroy_process_group)
        distributed.barrier()

    @contextmanager
    def first_goes_first(self) -> Iterator[None]:
        """What is inside runs on the first rank, and then on the others, which find its files."""
        if not self.is_first:
            self.wait()
        yield
        if self.is_first:
            self.wait()
