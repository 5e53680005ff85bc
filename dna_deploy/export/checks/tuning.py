"""Finds how to run an exported network fastest on this machine: threads, graph optimisation level, precision.

Nothing is tried that would change the answer beyond what parity allowed: other precisions are the files that were
exported and judged beside the model. Needs no torch and no onnx.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np

from dna_deploy.errors import TableError, UsageError
from dna_deploy.export.checks.verification import card_of
from dna_deploy.latency.measure import measure_model
from dna_deploy.latency.runners.onnxruntime_runner import LEVEL, OPTIMIZATION_LEVELS
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import Absent, Setting, Tuning
from dna_deploy.records.score import Metrics
from dna_deploy.targets.machine import usable_processors
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

PASSES = 3
"""Every setting is measured so often, all of them in turn, so that a burst of other work decides nothing."""

MeasureFile: TypeAlias = Callable[[Path, Target, SamplingPlan], Measurement]


@dataclass(frozen=True)
class _Variant:
    """One way to run the network."""

    model: Path
    target: Target


def tune(
    model: Path, target: Target, plan: SamplingPlan, on_progress: OnProgress = silent, measure: MeasureFile = measure_model
) -> Tuning:
    """Measures every setting in turn, several times.

    Args:
        model: The exported file; files of other precisions beside it are tried, too.
        target: How it is run now.
        plan: How often each is measured at each pass.
        on_progress: Told after every setting.
        measure: How long a file takes on a target.

    Raises:
        UsageError: the target's runtime has nothing to tune.
    """
    if target.runtime != "onnxruntime":
        raise UsageError(f"{target.runtime} has nothing to tune here", "tune a target with runtime 'onnxruntime'")
    variants = list(_variants(model, target))
    seconds: dict[int, list[float]] = {}
    steps = list(itertools.product(range(PASSES), range(len(variants))))
    for number, (_, index) in enumerate(steps, start=1):
        variant = variants[index]
        try:
            seconds.setdefault(index, []).append(measure(variant.model, variant.target, plan).p50.seconds)
        except (UsageError, TableError):
            if index == 0:
                raise
            continue  # a setting that the runtime refuses is no choice
        finally:
            on_progress(Progress("tuning", number, len(steps)))
    settings = [_setting(variants[index], float(np.median(taken))) for index, taken in seconds.items() if taken]
    return Tuning(tried=tuple(sorted(settings, key=lambda setting: setting.p50_s)), usual=settings[0])


def _variants(model: Path, target: Target) -> Iterator[_Variant]:
    """Every setting, the usual one first."""
    yield _Variant(model, target)
    usual = (model, target.threads, target.provider_options.get(LEVEL, "all"))
    for setting in itertools.product(_files(model, target), _threads(target), reversed(OPTIMIZATION_LEVELS)):
        if setting != usual:
            file, threads, level = setting
            yield _Variant(file, _with(target, threads, level, _precision(file, target)))


def _files(model: Path, target: Target) -> list[Path]:
    """The model and the same network in 8 bits; half precision only where it is computed as such."""
    stem = model.name.partition(".")[0]
    suffixes = (".int8.onnx",) if target.provider == "CPUExecutionProvider" else (".int8.onnx", ".fp16.onnx")
    beside = [model.with_name(stem + suffix) for suffix in suffixes]
    return [model, *(path for path in beside if path.exists() and path != model and card_of(path) is not None)]


def _threads(target: Target) -> list[int]:
    """1, 2, 4, ... and all processors that may be used."""
    most = len(usable_processors())
    return sorted({target.threads, most, *(2**power for power in range(most.bit_length()) if 2**power <= most)})


def _precision(file: Path, target: Target) -> str:
    card = card_of(file)
    return card.precision if card is not None else target.precision


def _with(target: Target, threads: int, level: str, precision: str) -> Target:
    pin = target.pin
    if pin is not None and len(pin) != threads:
        pin = usable_processors()[-threads:]
    options = {**target.provider_options, LEVEL: level}
    return Target.model_validate(
        {**target.model_dump(), "threads": threads, "pin": pin, "provider_options": options, "precision": precision}
    )


def _setting(variant: _Variant, p50_s: float) -> Setting:
    card = card_of(variant.model)
    metrics: Metrics | Absent = card.metrics if card is not None else Absent(reason="there is no card")
    return Setting(
        model=variant.model.name,
        precision=variant.target.precision,
        threads=variant.target.threads,
        options=variant.target.provider_options,
        p50_s=p50_s,
        metrics=metrics,
    )
