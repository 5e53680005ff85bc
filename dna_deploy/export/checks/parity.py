"""Whether an exported file computes what the torch network does: scores compared on real images, with limits a precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from math import floor, isfinite
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dna_deploy.errors import DependencyError, ParityError, UsageError
from dna_deploy.export.cards.card_text import metric_name
from dna_deploy.export.checks.judge import ONNX_JUDGES, PACKAGES, Array, Images, Judge, open_judge
from dna_deploy.export.formats.onnx_names import layers_with
from dna_deploy.records.model_card import Absent, JudgeParity, Parity
from dna_deploy.records.score import Metrics
from dna_deploy.targets.target import Precision
from dna_deploy.tasks.classification import Classification
from dna_deploy.tasks.task import Task

SLOW_JUDGES = {"onnx-reference": 16}
"""Judges that see only so many images."""

_AT_ONCE = 64
_NO_LABELS = Absent(reason="no labels were given")


@dataclass(frozen=True)
class Limits:
    """How far a file may be from torch. The error is relative to the largest score, since rounding is."""

    relative_error: float
    agreement: float
    loss: float
    """Of the first metric: a difference of shares, else relative to torch's."""


LIMITS: dict[Precision, Limits] = {
    "fp32": Limits(relative_error=1e-4, agreement=0.999, loss=0.001),
    "fp16": Limits(relative_error=1e-2, agreement=0.99, loss=0.005),
    # Int8 rounds activations to 256 levels: single scores move far, decisions may not.
    "int8": Limits(relative_error=0.25, agreement=0.95, loss=0.02),
}


def check_parity(
    network: nn.Module,
    path: Path,
    images: Images,
    labels: Images | None = None,
    *,
    task: Task | None = None,
    source: str = "some images",
    precision: Precision = "fp32",
    judges: Sequence[str] = ONNX_JUDGES,
) -> Parity:
    """Compares a file's scores with torch's.

    Args:
        network: Maps images ``(batch, channels, height, width)`` to scores ``(batch, classes)``.
        path: The exported file.
        images: What the network receives, ``(images, channels, height, width)``, normalised as in training.
        labels: Of each image, ``(images, ...)``, where known.
        task: What the network is for; classification where none is given.
        source: Which images these are, for the card.
        precision: In which the file computes; decides the limits.
        judges: Who runs the file. Those whose package is missing are named in the result; one at least must be there.

    Raises:
        ParityError: a judge is beyond the limits of the precision.
        DependencyError: no judge is there.
    """
    if not len(images):
        raise UsageError("parity needs at least one image", "give some test images")
    opened, absent = open_judges(judges, path)
    task = task or Classification()
    own, largest_score = Tally(task), 0.0
    tallies = {name: Tally(task) for name in opened}
    for batch, truth in _batches(images, labels):
        seen = own.images
        reference = _torch_scores(network, batch)
        own.add(reference, reference, truth)
        largest_score = max(largest_score, float(np.abs(reference).max()))
        for name, judge in opened.items():
            count = min(len(batch), SLOW_JUDGES.get(name, len(images)) - seen)
            if count > 0:
                tallies[name].add(judge(batch[:count]), reference[:count], truth[:count] if truth is not None else None)
    parity = Parity(
        precision=precision,
        source=source,
        largest_score=largest_score,
        metrics=own.metrics,
        judges=tuple(verdict(name, tally) for name, tally in tallies.items()),
        absent_judges=absent,
    )
    check_limits(parity, path.name)
    return parity


def check_limits(parity: Parity, name: str, limits: Limits | None = None) -> None:
    """Raises `ParityError` if a judge is beyond the limits; those of the precision where none are given."""
    limits = limits or LIMITS[parity.precision]
    allowed = limits.relative_error * parity.largest_score
    for judge in parity.judges:
        if not judge.max_absolute_error <= allowed:
            problem = f"scores differ by up to {judge.max_absolute_error:.3g}, more than {allowed:.3g}"
        elif judge.same_answers < floor(limits.agreement * judge.images):
            problem = (
                f"gives the same answer for {judge.agreement:.2%} of {judge.images} images, less than {limits.agreement:.2%}"
            )
        elif (loss := _loss(parity.metrics, judge.metrics)) > limits.loss:
            problem = f"loses {loss:.2%} of {metric_name(judge.metrics)}, more than {limits.loss:.2%}"
        else:
            continue
        raise ParityError(f"{name} under {judge.judge}: {problem} ({parity.precision})", _HINTS[parity.precision])


_HINTS: dict[Precision, str] = {
    "fp32": "the file does not compute what the network does; please report it with the architecture's line",
    "fp16": "some value does not fit in 16 bits; export in fp32",
    "int8": "calibrate on more or other training images, or export in fp16",
}


@dataclass
class Tally:
    """The comparison with one judge so far."""

    task: Task
    restored: Callable[[torch.Tensor], torch.Tensor] = torch.Tensor.clone
    """What a judge gives -> what the network itself gives, as far as answers depend on it."""
    images: int = 0
    scores: int = 0
    maximum: float = 0.0
    total: float = 0.0
    same: int = 0
    seen: list[tuple[torch.Tensor, torch.Tensor]] = field(default_factory=list)

    def add(self, scores: Array, reference: Array, labels: Array | None) -> None:
        """Outputs ``(images, ...)`` of a judge and of torch, and labels where they are known."""
        difference = np.abs(scores.astype(np.float64) - reference)
        self.images += len(scores)
        self.scores += difference.size
        # A score that is no number is infinitely wrong.
        self.maximum = max(self.maximum, float(np.nan_to_num(difference, nan=np.inf).max()))
        self.total += float(difference.sum())
        outputs, torchs = (self.restored(torch.from_numpy(values)) for values in (scores, reference))
        same = self.task.answers(outputs) == self.task.answers(torchs)
        self.same += int(same.reshape(len(scores), -1).all(1).sum())
        if labels is not None:
            self.seen.append((outputs, torch.from_numpy(labels)))

    @property
    def metrics(self) -> Metrics | Absent:
        if not self.seen:
            return _NO_LABELS
        outputs, labels = zip(*self.seen, strict=True)
        return self.task.metrics(torch.cat(outputs), torch.cat(labels))


def open_judges(names: Sequence[str], path: Path) -> tuple[dict[str, Judge], dict[str, str]]:
    """The judges that are here, with the file loaded, and why others are not.

    Raises:
        UsageError: a judge cannot run the file; the hint names the layers with the operator that it lacks.
        DependencyError: no judge is here.
    """
    opened, absent = {}, {}
    for name in names:
        try:
            opened[name] = open_judge(name, path)
        except DependencyError as error:
            absent[name] = error.message
        except UsageError as error:
            places = layers_with(path, error.message)
            raise UsageError(error.message, f"it is in {places}" if places else error.hint) from error
    if not opened:
        raise DependencyError(f"nothing here can run {path.name}: {'; '.join(absent.values())}", "pip install onnxruntime")
    return opened, absent


def _batches(images: Images, labels: Images | None) -> Iterator[tuple[Array, Array | None]]:
    for start in range(0, len(images), _AT_ONCE):
        part = slice(start, start + _AT_ONCE)
        yield np.ascontiguousarray(images[part], np.float32), None if labels is None else np.asarray(labels[part])


@torch.inference_mode()
def _torch_scores(network: nn.Module, images: Array) -> Array:
    device = next(network.parameters()).device
    scores = network.eval()(torch.from_numpy(images).to(device))
    assert isinstance(scores, torch.Tensor)
    return np.asarray(scores.float().cpu().numpy())


def verdict(name: str, tally: Tally) -> JudgeParity:
    """What a card says of a judge."""
    if not isfinite(tally.maximum):
        raise ParityError(f"under {name} some scores are not numbers", "export in fp32, and check the weights")
    return JudgeParity(
        judge=name,
        judge_version=version(PACKAGES.get(name, name)),
        images=tally.images,
        max_absolute_error=tally.maximum,
        mean_absolute_error=tally.total / tally.scores,
        same_answers=tally.same,
        metrics=tally.metrics,
    )


def _loss(torchs: Metrics | Absent, judges: Metrics | Absent) -> float:
    """How much the file loses of the first metric; 0 where the images of the two differ or no labels are known."""
    if isinstance(torchs, Absent) or isinstance(judges, Absent) or torchs[0].images != judges[0].images:
        return 0.0
    own = torchs[0]
    return (own.merit - judges[0].merit) / (1 if own.is_share else max(abs(own.value), 1e-9))
