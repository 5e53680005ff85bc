"""The whole way: a model, images and a budget in; a network that keeps it, its files and its card out."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from dna_deploy.data.image_set import Normalisation
from dna_deploy.data.splits import ImageData
from dna_deploy.errors import UsageError
from dna_deploy.export.checks.parity import check_parity
from dna_deploy.export.formats.model_file import MODEL_NAME
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.plain import write_plain
from dna_deploy.fit.at_size import AtSize, resized
from dna_deploy.fit.candidates import KEEP
from dna_deploy.fit.freezing import frozen
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.model import OwnModel
from dna_deploy.fit.units import find_units
from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.budget import read_budget
from dna_deploy.pipeline.fit.choose import SEARCH, Chosen, choose
from dna_deploy.pipeline.fit.contest import ALL_BASELINES, Contender, Contest
from dna_deploy.pipeline.fit.filling import Fitted
from dna_deploy.pipeline.fit.prepare import Counts, Prepared, prepare
from dna_deploy.pipeline.fit.recovery import Recovery
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.pipeline.fit.table import Device
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.files import Provenance, write_atomically
from dna_deploy.records.fitted_model import FittedBaseline, FittedModel, FittedUnit
from dna_deploy.records.shelf import Shelf
from dna_deploy.targets.target import Target
from dna_deploy.training.accuracy import measure_accuracy
from dna_deploy.units import Duration

CARD = "fitted-model.json"

_TIMING = "single images, two timed runs after two others, in turns with other models, p25"


@dataclass(frozen=True)
class FitPlan:
    """What shall come out, and what may be spent on it."""

    latency: str
    """Of the original, such as ``60%``, or a time such as ``20ms``."""
    freeze: tuple[str, ...] = ()
    has_labels: bool = False
    recovery: Recovery | None = None
    """Of the fine-tuning; None: none is wanted."""
    counts: Counts = field(default_factory=Counts)
    compute: Compute = field(default_factory=Compute)
    """Where units are worked on, apart from each other."""
    top: int = 16
    keeps_size: bool = False
    """Whether images stay as large as the original's."""
    baselines: tuple[str, ...] = ALL_BASELINES
    shelf: Path | None = None
    """What `dna-deploy shelf` has measured."""

    def budget_s(self, original_s: float) -> float:
        """In seconds.

        Raises:
            UsageError: it is neither a share nor a time.
        """
        budget = read_budget(self.latency)
        return budget.seconds if isinstance(budget, Duration) else budget * original_s


def fit_model(
    own: OwnModel, data: ImageData, device: Device, plan: FitPlan, folder: Path, on_progress: OnProgress = silent
) -> FittedModel:
    """Makes a network within a budget out of a model; what the folder holds of an earlier run is gone on with.

    Args:
        own: The model.
        data: Fits and fine-tunes on ``train``, rates on ``rating``, chooses on ``validation``, judges on ``test``.
        device: Where it shall run.
        plan: What is wanted.
        folder: Gets ``model.onnx``, ``network.py`` with its weights, and the card.
        on_progress: Hears of every step.

    Raises:
        InfeasibleError: nothing made of its units keeps the budget.
        UsageError: the model, the images or the budget cannot be used.
    """
    data, work, target = (
        replace(data, normalisation=Normalisation(own.mean, own.deviation)),
        folder / "work",
        device.target.target,
    )
    _check(own, data, target, plan)
    shelf = Shelf.read(plan.shelf) if plan.shelf else None
    network = find_units(own.network, own.input).network
    units, began = frozen(network.units, plan.freeze), time.monotonic()
    prepared = prepare(
        own, network, units, data, device, work, plan.counts, plan.budget_s, compute=plan.compute, on_progress=on_progress
    )
    budget_s = plan.budget_s(prepared.space.original_s)
    stopwatch = Stopwatch(work / "measured", target, own.network, own.input, prepared.space.original_s, on_progress)
    chosen = choose(prepared, budget_s, stopwatch, plan.top, on_progress, keeps_size=plan.keeps_size)
    prepared.spent_s["search and joint judgement"] = time.monotonic() - began - sum(prepared.spent_s.values())
    contest = Contest(own, data, plan.has_labels, plan.recovery, prepared, stopwatch, work, on_progress)
    searched = contest.contender(chosen.proposal.source, chosen.fitted)
    simple, others = contest.baselines(plan.baselines, budget_s)
    best = contest.winner([searched, *simple], budget_s)
    parity = _deliver(best, own.name, contest.test, folder, target.batch)
    prepared.spent_s["fine-tuning, export and baselines"] = time.monotonic() - began - sum(prepared.spent_s.values())
    beside = [] if best is searched else [FittedBaseline(name=SEARCH, standing=searched.standing)]
    baselines = (*beside, *(FittedBaseline(name=each.name, standing=each.standing) for each in simple), *others)
    record = _record(contest, chosen, best, budget_s, parity, baselines)
    if shelf is not None and (other := shelf.best_within(budget_s)) is not None:
        record = record.model_copy(update={"shelf": other[0]})
    record.write(folder / CARD)
    return record


@torch.no_grad()
def _check(own: OwnModel, data: ImageData, target: Target, plan: FitPlan) -> None:
    """Raises `UsageError` before any work where model, images, device and budget do not fit together."""
    plan.budget_s(1.0)
    if target.precision != "fp32":
        raise UsageError(f"{target.name!r} runs {target.precision}; units are timed in fp32", "take a target of precision fp32")
    answers = own.network(torch.zeros(2, *own.input.sizes))
    if plan.recovery is not None and answers.ndim != 2:
        raise UsageError(f"the model gives {tuple(answers.shape[1:])} an image, which is not fine-tuned", "leave out --epochs")
    if plan.has_labels and answers.shape[1:] != (len(data.classes),):
        raise UsageError(
            f"the model tells {answers.shape[-1]} classes apart, the images have {len(data.classes)}", "leave out --labels"
        )


def _deliver(best: Contender, name: str, test: Judge, folder: Path, batch: int) -> float:
    """Writes the network as ONNX and as plain code; the largest difference of the ONNX file's scores, a share of the largest.

    Raises:
        ParityError: the file does not compute what the network does.
    """
    network, input, images = best.network.cpu().eval(), best.fitted.input, torch.cat(list(test.batches[:2]))
    if isinstance(network, AtSize):
        images = resized(images, network.size)
        network = network.network
    model = export_onnx(network, (input,), batch)
    write_atomically(folder / MODEL_NAME, model.SerializeToString())
    shown = images.contiguous().numpy()
    parity = check_parity(network, folder / MODEL_NAME, shown, source="test images", judges=("onnxruntime",))
    write_plain(network, input, folder, f"{name} as dna-deploy has fitted it into a budget.")
    return max(judge.max_absolute_error for judge in parity.judges) / parity.largest_score


def _record(
    contest: Contest,
    chosen: Chosen,
    best: Contender,
    budget_s: float,
    parity: float,
    baselines: tuple[FittedBaseline, ...],
) -> FittedModel:
    prepared, own, data = contest.prepared, contest.own, contest.data
    space, table = prepared.space, prepared.space.measured.table
    return FittedModel(
        provenance=Provenance.now(), model=own.name, input=str(own.input), takes=_takes(best, own),
        target=contest.stopwatch.target, timing=_TIMING,
        table=table.digest, grade=table.grade, doubts=tuple(doubt.message for doubt in table.doubts),
        original_s=space.original_s, asked_s=budget_s, predicted_s=best.fitted.predicted_s, source=best.name,
        original=measure_accuracy(own.network, data.test, data) if contest.has_labels else None,
        relative_error=table.calibration("p50").relative_error, standing=best.standing,
        units=_units(prepared, best.fitted), rating=space.rating(best.fitted.choice), tau=chosen.tau,
        judged=chosen.judged, parity=parity, baselines=baselines,
        remarks=(*own.remarks, *prepared.remarks, chosen.words),
        absent={
            f"{path} {missing.code}": missing.reason
            for path, candidates in space.candidates.items()
            for missing in candidates.missing
        },
        spent_s=prepared.spent_s,
    )  # fmt: skip


def _takes(best: Contender, own: OwnModel) -> str | None:
    return None if best.fitted.input == own.input else str(best.fitted.input)


def _units(prepared: Prepared, fitted: Fitted) -> tuple[FittedUnit, ...]:
    rated, before, now = prepared.space.ratings.rated, prepared.space.measured.seconds, fitted.prepared.space.measured.seconds
    return tuple(
        FittedUnit(
            path=path, choice=code, original_s=before[path][KEEP], seconds=now[path][code],
            divergence=rated[path][code].divergence.value, standard_error=rated[path][code].divergence.standard_error,
        )
        for path, code in fitted.choice.items()
    )  # fmt: skip
