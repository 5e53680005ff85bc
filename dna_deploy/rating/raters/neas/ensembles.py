"""Ensembles of a one-shot supernet: blocks that are shared, then branches with heads of their own; drawn, run and changed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

from dna_deploy.learning.phase import StepView
from dna_deploy.nets.layers import build_layer
from dna_deploy.nets.layers.branches import Mean
from dna_deploy.nets.supernets.whole import OneShotSupernet
from dna_deploy.rating.raters.shrinking.left import Budget
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace


@dataclass(frozen=True)
class Ensemble:
    """Networks that have their first ``split`` blocks in common."""

    split: int
    networks: tuple[Architecture, ...]

    @classmethod
    def of(cls, split: int, networks: tuple[Architecture, ...]) -> Ensemble:
        """Networks behind the first blocks of the first of them; branches in one order, since their mean has none."""
        shared = networks[0].parts[:split]
        joined = tuple(Architecture.of((*shared, *network.parts[split:])) for network in networks)
        return cls(split, joined)

    @classmethod
    def draw(cls, space: HeadedSpace, branches: int, rng: random.Random) -> Ensemble:
        """Any split as likely as the others, then networks as a one-shot supernet draws them."""
        split = rng.randrange(1, len(space.block_numbers))
        return cls.of(split, tuple(space.sample_cells_evenly(rng) for _ in range(branches)))

    def changed(self, space: HeadedSpace, other: Ensemble, rng: random.Random) -> Ensemble:
        """One near this one: another split, a branch of another ensemble, or layers of a branch drawn anew."""
        networks, split = list(self.networks), self.split
        match rng.randrange(4):
            case 0:
                split = rng.randrange(1, len(space.block_numbers))
            case 1:
                networks[rng.randrange(len(networks))] = rng.choice(other.networks)
            case _:
                number = rng.randrange(len(networks))
                networks[number] = space.mutate(networks[number], rng)
        return Ensemble.of(split, tuple(networks))

    def cost(self, space: HeadedSpace, budget: Budget) -> float:
        """What its layers cost together: shared ones once."""
        total = 0.0
        for number, network in enumerate(self.networks):
            sections = space.sections(network)
            blocks = sections.blocks if number == 0 else sections.blocks[self.split :]
            layers = [layer for block in blocks for layer in block]
            total += sum(map(budget.cost, (*(sections.stem if number == 0 else ()), *layers, *sections.head)))
        return total


class EnsembleSupernet(nn.Module):
    """Heads for the further branches beside a supernet, and every ensemble as a module of shared weights."""

    def __init__(self, supernet: OneShotSupernet, branches: int) -> None:
        super().__init__()
        space = supernet.space
        self._supernet = [supernet]  # a list, since it holds this module
        self.heads = nn.ModuleList(
            nn.ModuleDict(
                {str(x.channels): nn.Sequential(*map(build_layer, space.head_layers(x))) for x in space.index.inputs[-1]}
            )
            for _ in range(branches - 1)
        )

    def path(self, ensemble: Ensemble) -> EnsemblePath:
        """The supernet's own modules, not copies."""
        (supernet,) = self._supernet
        tails = []
        for number, network in enumerate(ensemble.networks):
            sections, layers = supernet.space.sections(network), [*supernet.path(network)]
            begin = len(sections.stem) + sum(map(len, sections.blocks[: ensemble.split]))
            end = len(layers) - len(sections.head)
            heads = supernet.heads if number == 0 else self.heads[number - 1]
            head = heads[str(sections.blocks[-1][-1].output.channels)]  # type: ignore[index]
            tails.append(nn.Sequential(*layers[begin:end], *head))
            shared = nn.Sequential(*layers[:begin])
        return EnsemblePath(shared, tails)


class EnsemblePath(nn.Module):
    """Images to the scores of every branch, ``(branches, batch, classes)``. Gradients of branches are averaged at the split."""

    def __init__(self, shared: nn.Sequential, tails: list[nn.Sequential]) -> None:
        super().__init__()
        self.shared, self.tails = shared, nn.ModuleList(tails)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        features = self.shared(images)
        if features.requires_grad:
            features.register_hook(lambda gradient: gradient / len(self.tails))
        return torch.stack([tail(features) for tail in self.tails])

    @property
    def answer(self) -> nn.Sequential:
        """Images to the averaged scores, ``(batch, classes)``."""
        return nn.Sequential(self.shared, Mean(self.tails))


class BranchLoss:
    """The sum of all branches' cross entropies: they learn side by side, and each answers for itself."""

    measure = "sum of the branches' cross entropies with the labels, along one ensemble a step"

    def __init__(self, label_smoothing: float) -> None:
        self._label_smoothing = label_smoothing

    def loss(self, view: StepView) -> torch.Tensor:
        scores, labels = view.network(view.batch.inputs).float(), view.batch.labels()
        return torch.stack([F.cross_entropy(each, labels, label_smoothing=self._label_smoothing) for each in scores]).sum()


def evolve(
    draw: Callable[[], Ensemble | None], change: Callable[[Ensemble, Ensemble], Ensemble | None],
    judge: Callable[[Ensemble], float], count: int, rng: random.Random,
) -> tuple[Ensemble, float]:  # fmt: skip
    """The best of so many ensembles: a quarter drawn, the others changed from the ten best so far.

    ``draw`` and ``change`` give None for what may not be.
    """
    judged: dict[Ensemble, float] = {}
    for _ in range(50 * count):
        best = sorted(judged, key=judged.__getitem__, reverse=True)[:10]
        is_drawn = len(judged) < max(2, count // 4)
        ensemble = draw() if is_drawn else change(rng.choice(best), rng.choice(best))
        if ensemble is not None and ensemble not in judged:
            judged[ensemble] = judge(ensemble)
        if len(judged) == count:
            break
    return max(judged.items(), key=lambda item: item[1])
