"""The same recovery for what was found and for what needs no search, and the same images to judge them by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from dna_deploy.data.splits import ImageData, Split
from dna_deploy.errors import InfeasibleError, UsageError
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.model import OwnModel
from dna_deploy.fit.replacing import UnitNetwork
from dna_deploy.pipeline.fit.baselines import BASELINES, LOWER_RESOLUTION
from dna_deploy.pipeline.fit.filling import Fitted, fill, untouched_within
from dna_deploy.pipeline.fit.precision import INT8, int8_standing
from dna_deploy.pipeline.fit.prepare import Prepared
from dna_deploy.pipeline.fit.recovery import Recovery, batches_of, recovered, standing
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.progress import OnProgress, Progress
from dna_deploy.records.fitted_model import FittedBaseline, NetworkStanding
from dna_deploy.records.model_card import Absent
from dna_deploy.training.accuracy import Gain, right_answers

ALL_BASELINES = (*BASELINES, LOWER_RESOLUTION, INT8)

_CLEARLY = 1.0
"""Standard errors by which a baseline is to be ahead on validation images, so that it is the answer."""


@dataclass(frozen=True)
class Contender:
    """A network of the space after its recovery."""

    name: str
    fitted: Fitted
    standing: NetworkStanding
    network: nn.Module


@dataclass
class Contest:
    """What every network goes through."""

    own: OwnModel
    data: ImageData
    has_labels: bool
    recovery: Recovery | None
    prepared: Prepared
    stopwatch: Stopwatch
    folder: Path
    on_progress: OnProgress

    @cached_property
    def test(self) -> Judge:
        """On images that nothing was chosen by."""
        return self._judge(self.data.test)

    @cached_property
    def validation(self) -> Judge:
        """On images that choose between networks that were fine-tuned."""
        return self._judge(self.data.validation)

    def _judge(self, split: Split) -> Judge:
        return Judge(self.prepared.judge.network, batches_of(split, self.data))

    def stand(
        self, network: nn.Module, measured_s: float, units: UnitNetwork | None = None
    ) -> tuple[NetworkStanding, nn.Module]:
        """Judged, fine-tuned, and judged again."""
        labelled = self.data if self.has_labels else None
        before, after, tuned = standing(network, self.test, labelled), None, network
        if self.recovery is not None:
            folder = self.folder / "fine-tuning"
            tuned = recovered(
                network, self.own.network, self.data, self.recovery, folder, units=units, on_progress=self.on_progress
            )
            after = standing(tuned, self.test, labelled)
        stands = NetworkStanding(
            measured_s=measured_s, agreement=before.agreement, divergence=before.divergence, images=before.images,
            before=before.accuracy, after=after.accuracy if after else None,
            agreement_after=after.agreement if after else None,
        )  # fmt: skip
        return stands, tuned

    def contender(self, name: str, fitted: Fitted) -> Contender:
        """A network of the space, recovered."""
        units = self.prepared.judge.network if fitted.input == self.own.input else None
        return Contender(name, fitted, *self.stand(fitted.on(self.own.input), fitted.measured_s, units))

    def baselines(self, names: tuple[str, ...], budget_s: float) -> tuple[list[Contender], list[FittedBaseline]]:
        """Those made of the same candidates, and others."""
        contenders, others = list[Contender](), list[FittedBaseline]()
        for number, name in enumerate(names, 1):
            try:
                if name == INT8:
                    others.append(FittedBaseline(name=name, standing=self._in_int8()))
                else:
                    contenders.append(self.contender(name, self._fitted(name, budget_s)))
            except (InfeasibleError, UsageError) as error:
                others.append(FittedBaseline(name=name, standing=Absent(reason=error.message)))
            self.on_progress(Progress("baselines", number, len(names)))
        return contenders, others

    def _fitted(self, name: str, budget_s: float) -> Fitted:
        if name == LOWER_RESOLUTION:
            return untouched_within(self.prepared, budget_s, self.stopwatch)
        return fill(self.prepared, budget_s, self.stopwatch, lambda asked_s: BASELINES[name](self.prepared, asked_s, 0))

    def _in_int8(self) -> NetworkStanding:
        return int8_standing(self.prepared, self.test, self.data if self.has_labels else None, self.stopwatch, self.folder)

    def winner(self, contenders: list[Contender], budget_s: float) -> Contender:
        """The best that keeps the budget, or is no slower than the first.

        Without fine-tuning it is the one that answers most like the original on the images that networks are rated by; after
        the same fine-tuning the first, unless another is clearly better on validation images.
        """
        best, *others = contenders
        within = [each for each in others if each.fitted.measured_s <= max(budget_s, best.fitted.measured_s)]
        if self.recovery is None:
            judge = self.prepared.judge
            return min([best, *within], key=lambda each: judge.divergence(judge.answers_of(each.network)).value)
        right = self._right(best)
        for other in within:
            if Gain.of(answers := self._right(other), right).exceeds(_CLEARLY):
                best, right = other, answers
        return best

    def _right(self, contender: Contender) -> torch.Tensor:
        """For every validation image, whether the label is found, or else the original's answer."""
        if self.has_labels:
            return right_answers(contender.network, self.data.validation, self.data)
        return self.validation.agreement(self.validation.answers_of(contender.network))
