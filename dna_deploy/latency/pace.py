"""The processor's pace: one fixed piece of work, timed again and again, tells when someone else slows the processor down.

Who else uses a processor is not always to be seen: a virtual machine knows nothing of its neighbours, and two hardware threads
share one core. Measured on such a host: runs of one network fall on two paces 1.4 apart, in spells of a tenth of a second to
minutes. The work must be like the networks': these multiply, and many processors lower their clock for wide multiplications
first. Hashing, which does not, went 8 % slower before networks did (`python -m benchmarks.latency.pace`).
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from dna_deploy.errors import UnstableMeasurementError

LIMIT = 0.03
"""So much slower than the best pace is still steady. The work itself repeats within 1 %."""

WATCH_S = 5.0
"""How long the processor is watched at first, to know its best pace."""

PATIENCE_S = 180.0
"""How long one visit waits for a steady processor: journeys of a quarter of an hour meet neighbours of minutes."""

_LOOKS = 2


class Pace:
    """Knows the best pace of the processor that it is on."""

    def __init__(
        self,
        work: Callable[[], object] | None = None,
        clock: Callable[[], int] = time.perf_counter_ns,
        watch_s: float = WATCH_S,
    ) -> None:
        self._work, self._clock = work or multiply, clock
        self._best_ns = self._took_ns()
        end = clock() + int(watch_s * 1e9)
        while clock() < end:
            self.is_steady()

    def is_steady(self) -> bool:
        """Whether the processor goes at its best pace right now. Takes about a tenth of a millisecond."""
        took = self._took_ns()
        self._best_ns = min(self._best_ns, took)
        return took <= (1 + LIMIT) * self._best_ns

    def undisturbed(self, visit: Callable[[], list[int]]) -> tuple[list[int], float]:
        """Repeats a visit until the pace was steady before and after it.

        Returns:
            Its samples, and the seconds before it in which there was no such moment.

        Raises:
            UnstableMeasurementError: there was none for `PATIENCE_S`.
        """
        first = begin = self._clock()
        while begin - first < PATIENCE_S * 1e9:
            if self.is_steady():
                samples = visit()
                if self.is_steady():
                    return samples, (begin - first) * 1e-9
            begin = self._clock()
        raise UnstableMeasurementError(
            f"others slowed the processor down, again and again, for {PATIENCE_S:g} s",
            "try again when it is less busy (what was measured is kept), or leave out --steady where you gave it",
        )

    def _took_ns(self) -> int:
        def once() -> int:
            begin = self._clock()
            self._work()
            return self._clock() - begin

        # What only now comes into the caches is no sign of others: the better look counts.
        return max(1, min(once() for _ in range(_LOOKS)))


_SIDE, _TIMES = 64, 8
_FACTOR, _PRODUCT = (np.full((_SIDE, _SIDE), 1 / _SIDE, dtype=np.float32) for _ in range(2))


def multiply() -> None:
    """Work for one core and its nearest cache, as networks do: about 30 microseconds, too little for threads of a library."""
    for _ in range(_TIMES):
        np.matmul(_FACTOR, _FACTOR, out=_PRODUCT)
