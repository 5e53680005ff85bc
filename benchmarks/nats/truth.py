"""What is known of every network of the size space: its published accuracy, its costs, and BossNAS's published rating of it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.search.cost_model import CostModel
from dna_deploy.search.quantities import Latency, Macs, Parameters
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog.nats_size import NATS_SIZE, WIDTHS

Values: TypeAlias = npt.NDArray[np.float64]
SPACE = NATS_SIZE.with_head()
BUDGETS = 20


@dataclass(frozen=True)
class Truth:
    """Numbers of all networks, in the order in which the space counts them: the last width fastest."""

    accuracy: Values
    """In percent, ``(networks,)``."""
    published: Values
    """The sum of BossNAS's block ratings, less is better."""
    table: LatencyTable
    """Of the machine for which networks are searched."""

    @classmethod
    def read(cls, folder: Path, table: LatencyTable) -> Truth:
        """The files ``size_cifar10.csv`` and ``size_bossnas_ratings.csv`` of a folder."""
        accuracy, blocks = np.full((8,) * 5, np.nan), (np.full((8, 8), np.nan), np.full((8, 8), np.nan), np.full(8, np.nan))
        for row in _rows(folder / "size_cifar10.csv"):
            accuracy[tuple(WIDTHS.index(int(width)) for width in row["widths"].split(":"))] = float(row["accuracy_percent"])
        for row in _rows(folder / "size_bossnas_ratings.csv"):
            blocks[int(row["block"])][tuple(map(int, row["width_numbers"]))] = float(row["rating"])
        first, second, third = blocks
        published = first[:, :, None, None, None] + second[:, :, None] + third
        if np.isnan(accuracy).any() or np.isnan(published).any():
            raise SystemExit(f"the files in {folder} do not speak of every network")
        table.check_space(SPACE)
        return cls(accuracy.ravel(), published.ravel(), table)

    @cached_property
    def choices(self) -> npt.NDArray[np.intp]:
        """The candidate of every block, ``(networks, blocks)``."""
        return np.stack([number.ravel() for number in np.indices(SPACE.index.counts)], axis=1)

    @cached_property
    def widths(self) -> Values:
        """``(networks, 5)``"""
        numbers = np.stack([number.ravel() for number in np.indices((8,) * 5)], axis=1)
        return np.array(WIDTHS, dtype=float)[numbers]

    @cached_property
    def costs(self) -> tuple[Values, Values, Values]:
        """MACs, parameters and seconds."""
        quantities = (Macs(), Parameters(), Latency())
        model = CostModel.build(SPACE, None, [self.table], quantities)
        totals = model.problem.totals(self.choices)
        macs, parameters, seconds = (model.values(model.tables.resolve(quantity), totals) for quantity in quantities)
        return macs, parameters, seconds

    @cached_property
    def budgets(self) -> Values:
        """Latencies, by equal factors, over the front of accuracy and latency, in seconds."""
        order = np.argsort(self.costs[2], kind="stable")
        accuracy = self.accuracy[order]
        front = order[np.r_[True, accuracy[1:] > np.maximum.accumulate(accuracy)[:-1]]]
        first, last = self.costs[2][front[[0, -1]]].tolist()
        return np.geomspace(first, last, BUDGETS + 2)[1:-1]

    def position(self, network: Architecture) -> int:
        """Where a network stands in all arrays."""
        return int(np.ravel_multi_index(SPACE.index.positions(network), SPACE.index.counts))

    def networks(self, positions: Sequence[int]) -> list[Architecture]:
        """The networks that stand there."""
        return [SPACE.index.architecture(self.choices[position].tolist()) for position in positions]


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as lines:
        return list(csv.DictReader(lines))
