"""The distribution of DDPNAS (arXiv 1905.13543): how likely every option is, and which goes at the end of a round.

Options are visited without replacement: a sweep trains networks that hold each of them once. The released code credits paths
that were not trained, and drops by errors what is best; here accuracies of the trained networks count.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
from scipy.special import softmax

from dna_deploy.data.randomness import derived_seed
from dna_deploy.errors import UsageError
from dna_deploy.rating.raters.ddpnas.config import PruningConfig
from dna_deploy.rating.raters.shrinking.left import Left, mean_scores
from dna_deploy.rating.raters.shrinking.schedule import ShrinkingSampler
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.options import Option, every_option, every_option_once, most_visits, slots

PAIRINGS = 10
"""How often the candidates of a sweep are paired anew, until as many networks as possible keep the budget."""


class Sweeps(ShrinkingSampler):
    """Draws the networks of one sweep after another, judges each when it was trained, and drops an option a slot and round."""

    def __init__(self, left: Left, config: PruningConfig, steps: int, judge: Callable[[Architecture], float]) -> None:
        """Args:
        left: the space.
        config: sweeps, momentum, and how much is left.
        steps: of the whole training.
        judge: the accuracy of a network on held-out images, between 0 and 1.

        Raises:
            UsageError: there are fewer steps than networks to train.
        """
        super().__init__(left)
        self._config, self._judge = config, judge
        rounds = max(map(len, slots(left.whole).values())) - config.left
        planned = [config.sweeps * count for count in most_visits(left.whole, rounds)]
        if steps < sum(planned):
            raise UsageError(
                f"{steps} steps are too few to train {sum(planned)} networks", "take more epochs or smaller batches"
            )
        self._ends = [round(steps * count / sum(planned)) for count in accumulate(planned)]
        self.likelihoods = {option: 1 / len(several) for several in slots(left.whole).values() for option in several}
        self._changes: dict[Option, float] = {}
        self._accuracies: list[float] = []
        self._drawn: tuple[int, list[Architecture]] = (-1, [])

    def draw(self, step: int) -> Architecture:
        """The network of a step; where all rounds are over, one of those that are left."""
        number, place = self._at(step)
        return self._networks(number)[place]

    def after_step(self, step: int) -> None:
        """Judges a network after its last step; after the last network of a round, drops."""
        if not self._ends:
            return
        number, place = self._at(step)
        if step + 1 < self._ends[number] and self._at(step + 1) == (number, place):
            return
        self._accuracies.append(self._judge(self._networks(number)[place]))
        if step + 1 == self._ends[number]:
            self._drop(number)

    def facts(self) -> dict[str, Any]:
        plain = {str(option): value for option, value in self.likelihoods.items()}
        changes = {str(option): value for option, value in self._changes.items()}
        return {**super().facts(), "likelihoods": plain, "changes": changes, "accuracies": self._accuracies}

    def restore(self, facts: Mapping[str, Any]) -> None:
        super().restore(facts)
        if "likelihoods" in facts:
            self.likelihoods = {option: facts["likelihoods"][str(option)] for option in every_option(self.left.whole)}
            self._changes = {Option.parse(line): value for line, value in facts["changes"].items()}
            self._accuracies = list(facts["accuracies"])

    def _at(self, step: int) -> tuple[int, int]:
        """The round of a step, and which of its networks is trained."""
        number = next((number for number, end in enumerate(self._ends) if step < end), len(self._ends))
        if number == len(self._ends):
            return number, 0
        begin = self._ends[number - 1] if number else 0
        return number, (step - begin) * len(self._networks(number)) // (self._ends[number] - begin)

    def _networks(self, number: int) -> list[Architecture]:
        """The networks of a round, sweep after sweep."""
        if self._drawn[0] != number:
            seeds = [derived_seed(self._config.seed, "sweep", number, sweep) for sweep in range(self._config.sweeps)]
            self._drawn = number, [network for seed in seeds for network in self._sweep(random.Random(seed))]
        return self._drawn[1]

    def _sweep(self, rng: random.Random) -> list[Architecture]:
        space = self.left.space
        once = [every_option_once(space, index, rng) for index in space.block_numbers]
        count = max(map(len, once))
        for index, candidates in enumerate(once):
            while len(candidates) < count:
                candidates.extend(every_option_once(space, index, rng)[: count - len(candidates)])
        pairings: list[list[Architecture]] = []
        for _ in range(1 if self.left.budget.limit == np.inf else PAIRINGS):
            pairings.append([Architecture.of(choices) for choices in zip(*once, strict=True)])
            for candidates in once:
                rng.shuffle(candidates)
        return max(pairings, key=lambda networks: sum(self.left.budget.admits(space, network) for network in networks))

    def _drop(self, number: int) -> None:
        """Moves every slot's likelihoods towards its accuracies, and drops the least likely option that may go."""
        by_sweep = self._by_sweep(number)
        self._accuracies = []
        for several in list(slots(self.left.space).values()):
            if len(several) > self._config.left and several[0] in set(every_option(self.left.space)):
                self._move(several, by_sweep)
                worst_first = sorted(several, key=lambda option: (self.likelihoods[option], str(option)))
                next(option for option in worst_first if self.left.drop_if_it_may_go(option))
        for several in slots(self.left.space).values():
            self._normalise(several)

    def _move(self, several: Sequence[Option], by_sweep: Sequence[Mapping[Option, float]]) -> None:
        momentum, shares = self._config.momentum, np.zeros(len(several))
        for means in by_sweep:
            shares += softmax([self._config.temperature * means[option] for option in several]) / len(by_sweep)
        for option, share in zip(several, shares.tolist(), strict=True):
            self._changes[option] = momentum * self._changes.get(option, 0.0) + (1 - momentum) * share
            self.likelihoods[option] += self._changes[option]
        self._normalise(several)

    def _normalise(self, several: Sequence[Option]) -> None:
        total = sum(self.likelihoods[option] for option in several)
        self.likelihoods |= {option: self.likelihoods[option] / total for option in several}

    def _by_sweep(self, number: int) -> list[dict[Option, float]]:
        """For every sweep of a round the mean accuracy of the networks that hold an option."""
        space, judged = self.left.space, list(zip(self._networks(number), self._accuracies, strict=True))
        count = len(judged) // self._config.sweeps
        return [
            mean_scores(space, judged[begin : begin + count], every_option(space)) for begin in range(0, len(judged), count)
        ]
