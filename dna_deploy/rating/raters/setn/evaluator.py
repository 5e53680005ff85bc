"""The evaluator of SETN: how likely every choice of a one-shot supernet is to be right, learnt on held-out images.

It runs all candidates at once, mixed by their likelihoods. Weights that it looks at stay as they are, to the last batch norm.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TypeAlias

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.data.randomness import generator
from dna_deploy.errors import UsageError
from dna_deploy.learning.phase import StepView
from dna_deploy.nets.supernets.whole import OneShotSupernet, Route
from dna_deploy.rating.raters.one_shot.held_out import HeldOutLoss, only_looked_at
from dna_deploy.spaces.architecture import Architecture

Flow: TypeAlias = dict[int, tuple[torch.Tensor, torch.Tensor]]
"""Width -> how likely features have it, ``()``, and these features ``(batch, width, height, width of the map)``."""

SPREAD = 1e-3
"""Deviation of the first logits (the authors' code)."""


class Evaluator(nn.Module):
    """Logits: of the cells of every block, and of the operations of every layer, which cells that share it have in common."""

    def __init__(self, supernet: OneShotSupernet, seed: int) -> None:
        """Raises `UsageError` where blocks are coupled: the likelihood of a network is no product over blocks then."""
        super().__init__()
        if supernet.space.index.is_coupled:
            raise UsageError(f"the blocks of {supernet.space.name!r} are coupled by widths", "rate it with another method")
        sizes = {f"block{number}": len(routes) for number, routes in enumerate(supernet.routes, 1)}
        for key, options in supernet.choices.items():
            sizes[key.partition("-from")[0]] = len(options)  # type: ignore[arg-type]
        rng = generator(seed, "evaluator")
        self.logits = nn.ParameterDict(
            {name: nn.Parameter(SPREAD * torch.randn(size, generator=rng)) for name, size in sizes.items()}
        )

    def forward(self, supernet: OneShotSupernet, images: torch.Tensor) -> torch.Tensor:
        """Class scores ``(batch, classes)`` of everything at once."""
        flow: Flow = {supernet.space.index.entry.channels: (torch.ones((), device=images.device), supernet.stem(images))}
        for number, routes in enumerate(supernet.routes, 1):
            flow = self._through(supernet, self.logits[f"block{number}"], routes, flow)
        return _sum(share * supernet.heads[str(width)](features) for width, (share, features) in flow.items())

    def log_likelihoods(self, supernet: OneShotSupernet, index: int) -> torch.Tensor:
        """Of every candidate of block ``index``, in the order of their positions."""
        parts = []
        for cell, route in zip(self.logits[f"block{index + 1}"].log_softmax(0), supernet.routes[index], strict=True):
            total = cell[None]
            for place in route.places:
                total = (total[:, None] + self.logits[place].log_softmax(0)).flatten()
            parts.append(total)
        return torch.cat(parts)

    def log_likelihood(self, supernet: OneShotSupernet, network: Architecture) -> float:
        """Of a whole network."""
        positions = enumerate(supernet.space.index.positions(network))
        return sum(float(self.log_likelihoods(supernet, index)[position]) for index, position in positions)

    def _through(self, supernet: OneShotSupernet, logits: torch.Tensor, routes: Sequence[Route], flow: Flow) -> Flow:
        """What a block makes of features: of those with one width the mean, by how likely their cells are among these."""
        reached: dict[tuple[str, ...], torch.Tensor] = {}
        emitted, shares = Flow(), logits.softmax(0)
        for width in dict.fromkeys(route.widths[-1] for route in routes):
            cells = [number for number, route in enumerate(routes) if route.widths[-1] == width]
            features = (self._along(supernet, routes[number], flow, reached) for number in cells)
            among = zip(logits[cells].softmax(0), features, strict=True)
            emitted[width] = shares[cells].sum(), _sum(share * feature for share, feature in among)
        return emitted

    def _along(
        self, supernet: OneShotSupernet, route: Route, flow: Flow, reached: dict[tuple[str, ...], torch.Tensor]
    ) -> torch.Tensor:
        """The mixed features at the end of a cell; ``reached`` keeps those on the way, which cells have in common."""
        before = flow
        for depth, (place, width) in enumerate(zip(route.places, route.widths, strict=True), 1):
            way = route.places[:depth]
            if way not in reached:
                likelihoods = self.logits[place].softmax(0)
                reached[way] = _sum(
                    share * likelihood * option(features)
                    for channels, (share, features) in before.items()
                    for likelihood, option in zip(likelihoods, supernet.options(place, channels), strict=True)
                )
            before = {width: (torch.ones((), device=reached[way].device), reached[way])}
        return reached[way]


def _sum(terms: Iterable[torch.Tensor]) -> torch.Tensor:
    total: torch.Tensor = sum(terms)  # type: ignore[assignment]
    return total


class HeldOutMixture(HeldOutLoss):
    """The loss of an evaluator on held-out images."""

    measure = "cross entropy with held-out labels, of all candidates mixed"

    def __init__(self, supernet: OneShotSupernet, every: int) -> None:
        super().__init__(every)
        self._supernet = supernet

    def of(self, view: StepView) -> torch.Tensor:
        with only_looked_at(self._supernet):
            scores = view.network(self._supernet, view.batch.inputs).float()
        return F.cross_entropy(scores, view.batch.labels())
