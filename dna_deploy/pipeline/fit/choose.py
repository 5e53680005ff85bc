"""The network for a budget: the best by sums of ratings and what needs no search, judged as whole networks, and measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from dna_deploy.errors import InfeasibleError
from dna_deploy.fit.judging import Mean
from dna_deploy.pipeline.fit.baselines import BETWEEN, ON_SMALLER_IMAGES, PROPOSALS, Propose
from dna_deploy.pipeline.fit.filling import ROUNDS, SLACK, Fitted, Timed, filling
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.sizes import smaller_sizes
from dna_deploy.pipeline.fit.space import Choice
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.statistics.ranks import tau

SEARCH = "search"

_SPREAD = 0.03
"""By so much above a budget networks are predicted that are judged as well: predictions are off by about as much."""

_MEASURED = 6
"""So many of the finals are measured, the best first."""

_LEAST = 0.3
"""Below this order of sums is no order of networks."""


@dataclass(frozen=True)
class Proposal:
    """A network that was judged as a whole, and who proposed it."""

    choice: Choice
    source: str
    rating: float
    """Sum of the ratings of its units."""
    joint: Mean


@dataclass(frozen=True)
class Chosen:
    """The network, and how it was chosen."""

    fitted: Fitted
    proposal: Proposal
    tau: float
    """Kendall's, of sums of ratings with the judgement of whole networks, over those that were judged."""
    judged: int

    @property
    def words(self) -> str:
        """Whether the two orders agree, and who proposed it."""
        said = f"sums of ratings and {self.judged} whole networks agree with tau {self.tau:.2f}"
        said = said if self.tau >= _LEAST else f"{said}: the whole networks are believed"
        said += "; its units were refitted to what they receive in it" if self.fitted.is_mended else ""
        said += f"; it takes images of {self.fitted.input}" if self.fitted.prepared.space.measured.pace != 1 else ""
        return said if self.proposal.source == SEARCH else f"{said}; the best of them is {self.proposal.source}"


@dataclass
class JointChoice:
    """The best of several networks by what they answer as a whole; each is judged once.

    Attributes:
        prepared: What they are made of.
        top: So many are the best by sums of ratings.
        finalists: So many of the best as they were judged, and by their sums, are mended and judged again.
        proposals: What needs no search, by name; is always mended and judged again.
        on_progress: Hears of every network.
        judged: All networks.
        finals: Those that were judged again as they would be handed out.
    """

    prepared: Prepared
    top: int = 16
    finalists: int = 3
    proposals: Mapping[str, Propose] = field(default_factory=lambda: {**PROPOSALS, **BETWEEN})
    on_progress: OnProgress = silent
    judged: dict[tuple[str, ...], Proposal] = field(default_factory=dict)
    finals: dict[tuple[str, ...], Proposal] = field(default_factory=dict)

    def __call__(self, budget_s: float, above: float = 0.0) -> list[Proposal]:
        """The ``top`` networks by sums of ratings and the proposals, judged; of them the finals, the best first.

        Args:
            budget_s: What they may take, as predicted.
            above: By so much, relative, half of those by sums may exceed it: some take less than predicted.

        Raises:
            InfeasibleError: nothing keeps the budget.
        """
        space, half = self.prepared.space, (self.top + 1) // 2
        networks = [(choice, SEARCH) for most in (1, 1 + above) for choice, _ in space.best(budget_s * most, half)]
        for source, propose in self.proposals.items():
            try:
                networks.append((propose(self.prepared, budget_s), source))
            except InfeasibleError:
                continue
        proposals = list[Proposal]()
        for choice, source in networks:
            proposals.append(self._judge(choice, source))
            self.on_progress(Progress("judging whole networks", len(proposals), len(networks)))
        best = sorted(proposals, key=lambda proposal: proposal.joint.value)[: self.finalists]
        best += sorted(proposals, key=lambda proposal: proposal.rating)[: self.finalists]
        simple = [each for each, (_, source) in zip(proposals, networks, strict=True) if source != SEARCH]
        finals = {tuple(each.choice.values()): each for each in map(self._finish, [*best, *simple])}
        return sorted(finals.values(), key=lambda proposal: proposal.joint.value)

    def _judge(self, choice: Choice, source: str) -> Proposal:
        name, prepared = tuple(choice.values()), self.prepared
        if name not in self.judged:
            joint = prepared.divergence(choice, mends=False)
            self.judged[name] = Proposal(choice, source, prepared.space.rating(choice), joint)
        return self.judged[name]

    def _finish(self, proposal: Proposal) -> Proposal:
        name = tuple(proposal.choice.values())
        if name not in self.finals:
            self.finals[name] = replace(proposal, joint=self.prepared.divergence(proposal.choice))
        return self.finals[name]


def choose(
    prepared: Prepared,
    budget_s: float,
    stopwatch: Stopwatch,
    top: int = 16,
    on_progress: OnProgress = silent,
    *,
    keeps_size: bool = False,
) -> Chosen:
    """Searches, judges the ``top`` networks and the proposals as a whole, and measures the best; also on smaller images.

    Args:
        prepared: The space of the original.
        budget_s: What a network may take.
        stopwatch: What measures.
        top: So many are judged, on smaller images a quarter.
        on_progress: Hears of every network.
        keeps_size: Whether images stay as large as the original's.

    Raises:
        InfeasibleError: nothing keeps the budget.
    """
    chosen = _choose_of(JointChoice(prepared, top, on_progress=on_progress), budget_s, stopwatch)
    for smaller in () if keeps_size else smaller_sizes(prepared, stopwatch, budget_s):
        joint = JointChoice(smaller, max(1, top // 4), 1, ON_SMALLER_IMAGES, on_progress)
        try:
            other = _choose_of(joint, budget_s, stopwatch)
        except InfeasibleError:
            continue
        chosen = min(chosen, other, key=lambda each: (not each.fitted.keeps(budget_s), each.proposal.joint.value))
    return chosen


def _choose_of(joint: JointChoice, budget_s: float, stopwatch: Stopwatch) -> Chosen:
    """Of the finals the first that keeps the budget when it is measured; if none does, others are sought by what was learnt.

    To judge dozens of networks takes minutes, to measure one a moment: how much longer than predicted those take that fill the
    budget is known before any is judged.
    """
    prepared, space, fitted = joint.prepared, joint.prepared.space, list[Fitted]()
    ratio = filling(space, budget_s, stopwatch, lambda seconds: space.best(seconds, 1)[0][0]).ratio
    for number in range(ROUNDS):
        try:
            finals = joint(budget_s / ratio, above=0 if number else _SPREAD)
        except InfeasibleError:
            if fitted:
                break
            finals = joint(budget_s)
        timed = list[Timed]()
        for proposal in finals[:_MEASURED]:
            timed.append(Timed.of(space, proposal.choice, stopwatch))
            if timed[-1].keeps(budget_s):
                break
        fitted.append(min(timed, key=lambda each: each.measured_s).fitted(prepared, stopwatch))
        if fitted[-1].keeps(budget_s):
            break
        ratios = [fitted[-1].measured_s / fitted[-1].predicted_s, *(each.ratio for each in timed)]
        ratio = max(ratios) if number == ROUNDS - 2 else max(ratio * (1 + SLACK), float(np.mean(ratios)))
    last = min(fitted, key=lambda each: (not each.keeps(budget_s), each.measured_s))
    proposals = list(joint.judged.values())
    sums, wholes = (np.array(values) for values in zip(*((each.rating, each.joint.value) for each in proposals), strict=True))
    order = float(np.nan_to_num(tau(sums, wholes))) if len(proposals) > 1 else 1.0  # 0 where all are judged alike
    return Chosen(last, joint.finals[tuple(last.choice.values())], order, len(proposals))
