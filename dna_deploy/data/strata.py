"""Divides training images class by class, whole groups at once, so that every part has every class where that can be."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Strata:
    """The class and the group of each training image; the last ``validation`` of them are meant for validation."""

    classes: Integers
    groups: Integers
    validation: int = 0

    def divide(self, order: torch.Tensor, rating: int, validation: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Positions for training, rating and validation from all positions in a random order.

        As many as are asked for, where groups and the smallest classes allow it: a class with one image or group trains,
        with two it validates as well, with three it is in every part. Any beginning of the training positions has the
        classes in equal shares, and each of them before any comes twice.
        """
        positions = order.numpy()
        is_meant = positions >= len(positions) - self.validation
        if self.validation:
            held_out, others = self._spread(positions[is_meant])[:validation], positions[~is_meant]
        else:
            held_out, others = self._take(positions, validation)
        rated, trained = self._take(others, rating)
        train, rating_part, validation_part = (torch.from_numpy(part) for part in (self._spread(trained), rated, held_out))
        return train, rating_part, validation_part

    def _take(self, positions: Integers, count: int) -> tuple[Integers, Integers]:
        """Some of the positions, in whole groups and of every class in its share, and the others."""
        _, first, group = np.unique(self.groups[positions], return_index=True, return_inverse=True)
        class_of_group = self.classes[positions[first]]
        counts = np.bincount(class_of_group, minlength=int(self.classes.max()) + 1)
        quotas = _quotas(counts, round(count * len(first) / max(1, len(positions))))
        is_taken = _rank_in_class(class_of_group, first) < quotas[class_of_group]
        return positions[is_taken[group]], positions[~is_taken[group]]

    def _spread(self, positions: Integers) -> Integers:
        """The positions with classes taking turns: first one of each, then each in its share."""
        classes = self.classes[positions]
        rank = _rank_in_class(classes, np.arange(len(positions)))
        turn = np.where(rank == 0, 0.0, (rank + 0.5) / np.bincount(classes, minlength=1)[classes])
        return positions[np.argsort(turn, kind="stable")]


def _quotas(counts: Integers, total: int) -> Integers:
    """How many of each class make up ``total``: in equal shares, one at least if that can be, and never all of a class."""
    most = np.maximum(counts - 1, 0)
    least = np.minimum(most, 1) if total >= np.count_nonzero(most) else np.zeros_like(most)
    shares = total * counts / max(1, counts.sum())
    quotas: Integers = np.clip(shares.astype(np.int64), least, most)
    while quotas.sum() < min(total, most.sum()):
        quotas[np.argmax(np.where(quotas < most, shares - quotas, -np.inf))] += 1
    while quotas.sum() > total:
        quotas[np.argmax(np.where(quotas > least, quotas - shares, -np.inf))] -= 1
    return quotas


def _rank_in_class(classes: Integers, order: Integers) -> Integers:
    """For each element, how many of its class come before it in ``order``."""
    by_class = np.lexsort((order, classes))
    sizes = np.bincount(classes, minlength=1)
    starts = np.cumsum(sizes) - sizes
    rank = np.empty(len(classes), np.int64)
    rank[by_class] = np.arange(len(classes)) - starts[classes[by_class]]
    return rank
