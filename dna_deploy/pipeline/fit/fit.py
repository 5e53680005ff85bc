"""The whole way: a model, images and a budget in; a network that keeps it, its files and its card out."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
from torch import nn

from dna_deploy.data.image_set import Normalisation
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import InfeasibleError, UsageError
from dna_deploy.export.checks.parity import check_parity
from dna_deploy.export.formats.model_file import MODEL_NAME
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.plain import write_plain
from dna_deploy.fit.candidates import KEEP
from dna_deploy.fit.freezing import frozen
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.model import OwnModel
from dna_deploy.fit.units import find_units
from dna_deploy.pipeline.fit.baselines import BASELINES, AtSize
from dna_deploy.pipeline.fit.choose import Chosen, choose, measure
from dna_deploy.pipeline.fit.precision import INT8, int8_standing
from dna_deploy.pipeline.fit.prepare import Counts, Prepared, prepare
from dna_deploy.pipeline.fit.recovery import batches_of, recovered, settled, standing
from dna_deploy.pipeline.fit.timing import Stopwatch
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Provenance, write_atomically
from dna_deploy.records.fitted_model import FittedBaseline, FittedModel, FittedUnit, NetworkStanding
from dna_deploy.records.model_card import Absent
from dna_deploy.targets.target import Target
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.training.recipe import Recipe
from dna_deploy.units import Duration

CARD = "fitted-model.json"

_RESOLUTIONS = (7 / 8, 3 / 4, 5 / 8, 1 / 2)

_TIMING = "single images, two timed runs after two others, in turns with other models"


@dataclass(frozen=True)
class FitPlan:
    """What shall come out, and what may be spent on it."""

    latency: str
    """Of the original, such as ``60%``, or a time such as ``20ms``."""
    freeze: tuple[str, ...] = ()
    has_labels: bool = False
    recipe: Recipe | None = None
    """Of the fine-tuning; None: none is wanted."""
    counts: Counts = field(default_factory=Counts)
    top: int = 16
    baselines: tuple[str, ...] = (*BASELINES, "lower resolution", INT8)

    def budget_s(self, original_s: float) -> float:
        """In seconds.

        Raises:
            UsageError: it is neither a share below 100 % nor a time.
        """
        if not self.latency.endswith("%"):
            return Duration.parse(self.latency).seconds
        try:
            share = float(self.latency[:-1]) / 100
        except ValueError as error:
            raise UsageError(f"cannot read the budget {self.latency!r}", "write it like 60% or 20ms") from error
        if not 0 < share < 1:
            raise UsageError(f"a budget of {self.latency} is no part of what the model takes", "write it like 60% or 20ms")
        return share * original_s


@dataclass
class _Work:
    """What every network goes through."""

    own: OwnModel
    data: ImageData
    plan: FitPlan
    prepared: Prepared
    test: Judge
    stopwatch: Stopwatch
    folder: Path
    on_progress: OnProgress

    def stand(self, network: nn.Module, measured_s: float) -> tuple[NetworkStanding, nn.Module]:
        """Judged, fine-tuned, and judged again."""
        labelled = self.data if self.plan.has_labels else None
        before, after, tuned = standing(network, self.test, labelled), None, network
        if self.plan.recipe is not None:
            tuned = recovered(
                network,
                self.own.network,
                self.data,
                self.plan.recipe,
                self.folder / "fine-tuning",
                on_progress=self.on_progress,
            )
            after = standing(tuned, self.test, labelled)
        stands = NetworkStanding(
            measured_s=measured_s, agreement=before.agreement, divergence=before.divergence, images=before.images,
            before=before.accuracy, after=after.accuracy if after else None,
            agreement_after=after.agreement if after else None,
        )  # fmt: skip
        return stands, tuned

    def baseline(self, name: str, budget_s: float) -> FittedBaseline:
        """One of them, or why there is none."""
        try:
            if name == INT8:
                labelled = self.data if self.plan.has_labels else None
                stands = int8_standing(self.prepared, self.test, labelled, self.stopwatch, self.folder)
                return FittedBaseline(name=name, standing=stands)
            network, shape = (
                self._at_lower_resolution(budget_s) if name == "lower resolution" else self._replaced(name, budget_s)
            )
            measured_s = shape or measure(self.prepared.space, {"baseline": network}, self.stopwatch)["baseline"]
            return FittedBaseline(name=name, standing=self.stand(network, measured_s)[0])
        except (InfeasibleError, UsageError) as error:
            return FittedBaseline(name=name, standing=Absent(reason=error.message))

    def _replaced(self, name: str, budget_s: float) -> tuple[nn.Module, float]:
        space = self.prepared.space
        choice = BASELINES[name](self.prepared, budget_s, 0)
        return settled(space.assembled(choice), self.prepared.fitting), 0.0

    def _at_lower_resolution(self, budget_s: float) -> tuple[nn.Module, float]:
        """The original on the largest images that it is fast enough for."""
        space, input = self.prepared.space, self.own.input
        for share in _RESOLUTIONS:
            size = replace(input, height=round(input.height * share), width=round(input.width * share))
            try:
                self.own.network(torch.zeros(1, *size.sizes))
            except (RuntimeError, AssertionError, ValueError) as error:
                raise UsageError(f"the model does not take images of {size}") from error
            times = self.stopwatch.time({"original": (self.own.network, input), "small": (self.own.network, size)})
            measured_s = times["small"].seconds * space.original_s / times["original"].seconds
            if measured_s <= budget_s:
                return settled(AtSize(self.own.network, (size.height, size.width)), self.prepared.fitting), measured_s
        raise InfeasibleError(f"at half the resolution it takes {Duration(measured_s)}")


def fit_model(
    own: OwnModel, data: ImageData, target: Target, plan: FitPlan, folder: Path, on_progress: OnProgress = silent
) -> FittedModel:
    """Makes a network within a budget out of a model; what the folder holds of an earlier run is gone on with.

    Args:
        own: The model.
        data: Fits and fine-tunes on ``train``, rates on ``rating``, judges on ``test``.
        target: Where it shall run.
        plan: What is wanted.
        folder: Gets ``model.onnx``, ``network.py`` with its weights, and the card.
        on_progress: Hears of every step.

    Raises:
        InfeasibleError: nothing made of its units keeps the budget.
        UsageError: the model, the images or the budget cannot be used.
    """
    data = replace(data, normalisation=Normalisation(own.mean, own.deviation))
    _check(own, data, target, plan)
    network = find_units(own.network, own.input).network
    units, began = frozen(network.units, plan.freeze), time.monotonic()
    prepared = prepare(network, units, data, target, folder / "work", plan.counts, on_progress=on_progress)
    budget_s = plan.budget_s(prepared.space.original_s)
    if prepared.space.original_s <= budget_s:
        raise UsageError(
            f"the model takes {Duration(prepared.space.original_s)} and keeps {Duration(budget_s)} already",
            "keep it as it is, or ask for less",
        )
    stopwatch = Stopwatch(folder / "work" / "measured", target, on_progress=on_progress)
    chosen = choose(prepared, budget_s, stopwatch, plan.top, on_progress)
    prepared.spent_s["search and joint judgement"] = time.monotonic() - began - sum(prepared.spent_s.values())
    test = Judge(network, batches_of(data.test, data))
    work = _Work(own, data, plan, prepared, test, stopwatch, folder / "work", on_progress)
    stands, tuned = work.stand(chosen.network, chosen.measured_s)
    parity = _deliver(tuned, own, test, folder, target.batch)
    baselines = []
    for number, name in enumerate(plan.baselines, 1):
        baselines.append(work.baseline(name, budget_s))
        on_progress(Progress("baselines", number, len(plan.baselines)))
    prepared.spent_s["fine-tuning, export and baselines"] = time.monotonic() - began - sum(prepared.spent_s.values())
    record = _record(work, chosen, budget_s, stands, parity, tuple(baselines), target)
    record.write(folder / CARD)
    return record


@torch.no_grad()
def _check(own: OwnModel, data: ImageData, target: Target, plan: FitPlan) -> None:
    """Raises `UsageError` before any work where model, images, device and budget do not fit together."""
    plan.budget_s(1.0)
    if target.precision != "fp32":
        raise UsageError(f"{target.name!r} runs {target.precision}; units are timed in fp32", "take a target of precision fp32")
    answers = own.network(torch.zeros(2, *own.input.sizes))
    if plan.recipe is not None and answers.ndim != 2:
        raise UsageError(f"the model gives {tuple(answers.shape[1:])} an image, which is not fine-tuned", "leave out --epochs")
    if plan.has_labels and answers.shape[1:] != (len(data.classes),):
        raise UsageError(
            f"the model tells {answers.shape[-1]} classes apart, the images have {len(data.classes)}", "leave out --labels"
        )


def _deliver(network: nn.Module, own: OwnModel, test: Judge, folder: Path, batch: int) -> float:
    """Writes the network as ONNX and as plain code; the largest difference of the ONNX file's scores, a share of the largest.

    Raises:
        ParityError: the file does not compute what the network does.
    """
    model = export_onnx(network.cpu().eval(), (own.input,), batch)
    write_atomically(folder / MODEL_NAME, model.SerializeToString())
    images = torch.cat(list(test.batches[:2])).contiguous().numpy()
    parity = check_parity(network, folder / MODEL_NAME, images, source="test images", judges=("onnxruntime",))
    write_plain(network, own.input, folder, f"{own.name} as dna-deploy has fitted it into a budget.")
    return max(judge.max_absolute_error for judge in parity.judges) / parity.largest_score


def _record(
    work: _Work,
    chosen: Chosen,
    budget_s: float,
    stands: NetworkStanding,
    parity: float,
    baselines: tuple[FittedBaseline, ...],
    target: Target,
) -> FittedModel:
    space, data = work.prepared.space, work.data
    assert space.calibration is not None
    return FittedModel(
        provenance=Provenance.now(), model=work.own.name, input=str(work.own.input), target=target, timing=_TIMING,
        original_s=space.original_s, asked_s=budget_s, predicted_s=chosen.predicted_s,
        original=measure_accuracy(work.own.network, data.test, data) if work.plan.has_labels else None,
        relative_error=space.calibration.relative_error, standing=stands, units=_units(work.prepared, chosen.choice),
        rating=chosen.rating, tau=chosen.tau, judged=chosen.judged, parity=parity, baselines=baselines,
        remarks=(*work.own.remarks, *work.prepared.remarks, chosen.words),
        absent={
            f"{path} {missing.code}": missing.reason
            for path, candidates in space.candidates.items()
            for missing in candidates.missing
        },
        spent_s=work.prepared.spent_s,
    )  # fmt: skip


def _units(prepared: Prepared, choice: Mapping[str, str]) -> tuple[FittedUnit, ...]:
    space = prepared.space
    rated = {path: space.rated[path][code].divergence for path, code in choice.items()}
    return tuple(
        FittedUnit(
            path=path, choice=code, original_s=space.seconds[path][KEEP], seconds=space.seconds[path][code],
            divergence=rated[path].value, standard_error=rated[path].standard_error,
        )
        for path, code in choice.items()
    )  # fmt: skip
