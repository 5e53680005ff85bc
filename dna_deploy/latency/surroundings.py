"""What else the machine does while something is measured."""

from __future__ import annotations

from collections.abc import Callable

import psutil

from dna_deploy.targets.machine import quota_stops, throttle_count


class Heat:
    """Whether heat held the processors back, from one look to the next."""

    def __init__(self, count: Callable[[], int] = throttle_count) -> None:
        self._count, self._before = count, count()

    def look(self) -> tuple[str, ...]:
        """What to call it; nothing if all was well."""
        before, self._before = self._before, self._count()
        return ("processor heat",) if self._before > before else ()


class QuotaStops:
    """How often a quota of the system stopped this process, from one look to the next."""

    def __init__(self, count: Callable[[], int] = quota_stops) -> None:
        self._count, self._before = count, count()

    def look(self) -> int:
        """Stops since the last look."""
        before, self._before = self._before, self._count()
        return max(0, self._before - before)


class OtherLoad:
    """Processors that other programs keep busy, from one look to the next."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._before = self._times()

    def look(self) -> float:
        """The mean number of processors busy with something else since the last look."""
        busy, idle, own = self._times()
        passed = (busy + idle) - (self._before[0] + self._before[1])
        others = (busy - self._before[0]) - max(0.0, own - self._before[2])
        self._before = (busy, idle, own)
        return max(0.0, others) / passed * (psutil.cpu_count() or 1) if passed > 0 else 0.0

    def _times(self) -> tuple[float, float, float]:
        times = psutil.cpu_times()
        idle = times.idle + getattr(times, "iowait", 0.0)
        busy = sum(times) - idle - getattr(times, "guest", 0.0) - getattr(times, "guest_nice", 0.0)
        return busy, idle, self._own_time()

    def _own_time(self) -> float:
        total = 0.0
        for process in (self._own, *self._own.children(recursive=True)):
            try:
                used = process.cpu_times()
            except psutil.Error:
                continue
            total += used.user + used.system
        return total
