"""How long the units of a network take in it, by torch on this machine's processor: where its time goes, before any export."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import nn

from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.fit.unit import Unit
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.spaces.shapes import ChannelsLastMap, FeatureMap, Tokens
from dna_deploy.units import Duration

_ROUNDS = 5
"""At least so many, also of a network that takes longer than there is time."""


@dataclass(frozen=True)
class UnitTimes:
    """Medians over rounds in which the original, with clocks in its units, and the fastest reachable took turns."""

    whole: Duration
    units: Mapping[str, Duration]
    fastest: Duration
    rounds: int
    threads: int

    @property
    def rest(self) -> Duration:
        """What is spent outside all units."""
        return Duration(max(0.0, self.whole.seconds - sum(spent.seconds for spent in self.units.values())))

    def share(self, paths: Sequence[str]) -> float:
        """Of the original's time, what is spent in some units."""
        return sum(self.units[path].seconds for path in paths) / self.whole.seconds


@torch.no_grad()
def time_units(
    network: UnitNetwork,
    units: Sequence[Unit],
    input: FeatureMap,
    *,
    seconds: float = 5.0,
    threads: int = 1,
    on_progress: OnProgress = silent,
    clock: Callable[[], float] = time.perf_counter,
) -> UnitTimes:
    """Times one image at once, for about so many ``seconds``. The fastest reachable has `least_module` wherever one may be."""
    images = torch.rand(1, *input.sizes, generator=torch.Generator().manual_seed(0))
    least = {unit.path: module for unit in units if unit.may and (module := least_module(unit)) is not None}
    fastest = network.replaced(least).eval()
    whole, small, spent = list[float](), list[float](), {unit.path: list[float]() for unit in network.units}
    before, begin = torch.get_num_threads(), clock()
    torch.set_num_threads(threads)
    try:
        for model in (network.network, fastest):  # warm
            model(images)
        while len(whole) < _ROUNDS or clock() - begin < seconds:
            with _clocks(network, spent, clock):
                whole.append(_timed(network.network, images, clock))
            small.append(_timed(fastest, images, clock))
            on_progress(Progress("timing units", min(int(clock() - begin), int(seconds)), int(seconds)))
    finally:
        torch.set_num_threads(before)
    medians = {path: Duration(statistics.median(times)) for path, times in spent.items()}
    return UnitTimes(Duration(statistics.median(whole)), medians, Duration(statistics.median(small)), len(whole), threads)


def least_module(unit: Unit) -> nn.Module | None:
    """The cheapest module with the shapes of a unit that still looks at all of its input; None where there is none."""
    match unit.input, unit.output:
        case received, emitted if received == emitted:
            return nn.Identity()
        case FeatureMap() as received, FeatureMap() as emitted:
            return _PooledPointwise(received, emitted)
        case ChannelsLastMap() as received, ChannelsLastMap() as emitted:
            return _ChannelsLast(_PooledPointwise(received, emitted))
        case Tokens() as received, Tokens() as emitted if received.length == emitted.length:
            return nn.Linear(received.channels, emitted.channels)
    return None


class _PooledPointwise(nn.Sequential):
    def __init__(self, received: FeatureMap | ChannelsLastMap, emitted: FeatureMap | ChannelsLastMap) -> None:
        pool = nn.Identity() if received.extent == emitted.extent else nn.AdaptiveAvgPool2d(emitted.extent)
        super().__init__(pool, nn.Conv2d(received.channels, emitted.channels, 1))


class _ChannelsLast(nn.Module):
    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.module(x.permute(0, 3, 1, 2))
        return y.permute(0, 2, 3, 1)


def _timed(model: nn.Module, images: torch.Tensor, clock: Callable[[], float]) -> float:
    begin = clock()
    model(images)
    return clock() - begin


@contextmanager
def _clocks(network: UnitNetwork, spent: Mapping[str, list[float]], clock: Callable[[], float]) -> Iterator[None]:
    """Notes how long every unit takes while the network runs."""
    begun: dict[str, float] = {}

    def start(path: str) -> Callable[..., None]:
        def note(_module: nn.Module, _args: object) -> None:
            begun[path] = clock()

        return note

    def stop(path: str) -> Callable[..., None]:
        def note(_module: nn.Module, _args: object, _output: object) -> None:
            spent[path].append(clock() - begun[path])

        return note

    hooks = []
    for unit in network.units:
        parts = network.parts(unit.path)
        hooks += [parts[0].register_forward_pre_hook(start(unit.path)), parts[-1].register_forward_hook(stop(unit.path))]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
