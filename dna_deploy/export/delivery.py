"""Export as a user means it: a folder with the model, checked against torch on real images, and its card. Or nothing."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from dna_deploy.data.splits import ImageData
from dna_deploy.errors import DependencyError, DnaDeployError, UsageError
from dna_deploy.export.cards.card import make_card
from dna_deploy.export.cards.card_file import SENTINELS, card_path, write_card
from dna_deploy.export.checks.judge import ONNX_JUDGES, Images
from dna_deploy.export.checks.parity import check_parity
from dna_deploy.export.checks.picture_parity import check_pictures
from dna_deploy.export.formats.catalog import Conversion, Format, find_format, model_name
from dna_deploy.export.formats.model_file import ExportResult, export_architecture
from dna_deploy.export.formats.normalised import images_and_labels
from dna_deploy.export.formats.picture_size import PictureSize
from dna_deploy.export.kits.kit import sentinel_kit
from dna_deploy.export.source import Source
from dna_deploy.export.staging import staged
from dna_deploy.plugins import install_hint
from dna_deploy.records.files import digest_of
from dna_deploy.records.model_card import Absent, AskedLatency, ModelCard, Parity, PredictedLatency
from dna_deploy.records.score import Metrics
from dna_deploy.targets.target import per
from dna_deploy.tasks import load_task
from dna_deploy.units import Duration

NOT_MEASURED = Absent(reason="not yet; dna-deploy verify does it")
_NOISE_IMAGES = 32


@dataclass(frozen=True)
class Refused:
    """A format that is not delivered, and why."""

    name: str
    error: DnaDeployError


@dataclass(frozen=True)
class Delivery:
    """What lies in the folder."""

    model: Path
    card_file: Path
    card: ModelCard
    others: tuple[Delivery, ...] = ()
    """The same network in other formats."""
    refused: tuple[Refused, ...] = ()
    """Formats that were asked for and not delivered."""


@dataclass(frozen=True)
class _JudgedImages:
    """Images to compare on, and what they are."""

    images: Images
    labels: Images | None
    source: str


def deliver(
    source: Source,
    folder: Path,
    *,
    formats: Sequence[str] = (),
    data: ImageData | None = None,
    images: int | None = None,
    batch: int | None = 1,
    seed: int = 0,
    replace: bool = False,
    reproduce: str = "",
    pictures: PictureSize | None = None,
) -> Delivery:
    """Exports a network into a folder that appears as a whole or not at all.

    A further format that cannot be made, or does not compute what torch does, is left out and named; the others are delivered.

    Args:
        source: The network and its history.
        folder: Where the model and its card shall be.
        formats: Further formats beside plain ONNX, from `FORMATS`.
        data: Images that it is judged on: the test part. Without them parity is checked on noise, and no metric is known.
        images: How many test images to use; all of them by default.
        batch: Images at once in the exported file; None leaves it open. What was asked of another batch is an error.
        seed: For random weights, where the source has none.
        replace: Allow the folder to hold an earlier model.
        reproduce: The command that makes it again; the current one where empty.
        pictures: Of which size pictures are, in formats with pre-processing inside; of any size by default.

    Raises:
        ParityError: the plain ONNX file does not compute what torch does; nothing is written.
        UsageError: parts do not belong together, or the folder cannot be used.
    """
    chosen = {name: find_format(name) for name in formats}
    _check_batch(source, batch)
    for kind in chosen.values():
        if kind.needs_images and (data is None or not len(data.train)):
            raise UsageError(f"{kind.precision} needs training images to calibrate on", "say which with --dataset")
    refused: list[Refused] = []
    judged = _judged_images(source, data, images)
    with staged(folder, replace=replace) as work:
        result = export_architecture(
            source.space, source.architecture, source.weights, work,
            task=source.task, labels=source.labels, mean=source.mean, deviation=source.deviation, shown=source.shown,
            batch=batch, seed=seed,
        )  # fmt: skip
        made = [(result, _compare(result, judged, ONNX_JUDGES))]
        for name, kind in chosen.items():
            size = (pictures or PictureSize()) if kind.takes_pictures else None
            with _leaving_out(name, refused, work):
                converted = _converted(name, result, kind, data, size)
                compared = _compare_pictures(converted, kind, data, size) if size else _compare(converted, judged, kind.judges)
                made.append((converted, compared))
        cards = [_card(source, file, parity, data, reproduce) for file, parity in made]
        for card in cards:
            write_card(card, work)
        if source.pace is not None:
            sentinel_kit(source.space, source.pace, batch or _asked_batch(source), source.predicted_in).write(work / SENTINELS)
    first, *others = (Delivery(folder / card.model, card_path(folder / card.model), card) for card in cards)
    return dataclasses.replace(first, others=tuple(others), refused=tuple(refused))


def _asked_batch(source: Source) -> int:
    return 1 if isinstance(source.asked, Absent) else source.asked.batch


def _check_batch(source: Source, batch: int | None) -> None:
    if not isinstance(source.asked, Absent) and batch not in (None, source.asked.batch):
        raise UsageError(
            f"{Duration(source.asked.latency_s)} was asked for {per(source.asked.batch)}, not for {per(batch or 1)}",
            f"export it with --batch {source.asked.batch}",
        )


@contextmanager
def _leaving_out(name: str, refused: list[Refused], work: Path) -> Iterator[None]:
    """A format that fails takes its own files with it, and no others."""
    before = set(work.iterdir())
    try:
        yield
    except DnaDeployError as error:
        for path in set(work.iterdir()) - before:
            path.unlink()
        refused.append(Refused(name, error))


@contextmanager
def _in_our_words(name: str) -> Iterator[None]:
    """What a converter raises has no common base: it becomes an error of ours, with the converter's own as its cause.

    A full disk or memory is no fault of the format, and stays what it is.
    """
    try:
        yield
    except (DnaDeployError, OSError, MemoryError):
        raise
    except ModuleNotFoundError as error:
        raise DependencyError(f"{name} needs the package {error.name!r}", install_hint(error.name or "")) from error
    except Exception as error:
        words = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
        raise UsageError(f"{name} cannot be made of this network: {words}", "the other formats are delivered") from error


def _converted(name: str, result: ExportResult, kind: Format, data: ImageData | None, size: PictureSize | None) -> ExportResult:
    """The same network in another format, beside the plain file."""
    info = result.info.model_copy(update={"precision": kind.precision, "pictures": "" if size is None else str(size)})
    path = result.path.with_suffix(kind.suffix)
    calibration = None if data is None else images_and_labels(data, data.train)[0]
    with _in_our_words(name):
        kind.convert(Conversion(result.path, info, calibration, size), path)
    return ExportResult(path, digest_of(path.read_bytes()), info, result.network)


def _compare(result: ExportResult, judged: _JudgedImages, judges: Sequence[str]) -> Parity | Absent:
    if not judges:
        return Absent(reason="the engine needs an NVIDIA GPU to run")
    try:
        return check_parity(
            result.network, result.path, judged.images, judged.labels, task=load_task(result.info.task),
            source=judged.source, precision=result.info.precision, judges=judges,
        )  # fmt: skip
    except DependencyError as error:
        if result.path.suffix != ".engine":
            raise
        return Absent(reason=error.message)  # engines are often built where they cannot run


def _compare_pictures(result: ExportResult, kind: Format, data: ImageData | None, size: PictureSize) -> Parity | Absent:
    if data is None:
        return Absent(reason="there are no pictures: no data set was given")
    return check_pictures(result.network, result.path, data, load_task(result.info.task), size, kind.judges)


def _judged_images(source: Source, data: ImageData | None, limit: int | None) -> _JudgedImages:
    if data is None:
        shape = source.space.input
        rng = np.random.default_rng(0)
        noise = rng.standard_normal((_NOISE_IMAGES, shape.channels, shape.height, shape.width), dtype=np.float32)
        return _JudgedImages(noise, None, f"{_NOISE_IMAGES} images of noise, since no data set was given")
    images, labels = images_and_labels(data, data.test, limit)
    count = f"all {len(images):,}" if len(images) == len(data.test) else f"{len(images):,} of {len(data.test):,}"
    return _JudgedImages(images, labels, f"{count} test images of {data.name}")


def _card(source: Source, result: ExportResult, parity: Parity | Absent, data: ImageData | None, reproduce: str) -> ModelCard:
    return make_card(
        result, source, asked=_asked(source, result), predicted=_prediction(source, result), measured=NOT_MEASURED,
        parity=parity, metrics=_metrics(source, parity, data), reproduce=reproduce,
        pace=source.pace if result.info.precision == source.predicted_in else None,
    )  # fmt: skip


def _asked(source: Source, result: ExportResult) -> AskedLatency | Absent:
    """The budget, for the file in the precision that it was asked for."""
    if isinstance(source.asked, Absent) or source.asked.precision == result.info.precision:
        return source.asked
    precision = source.asked.precision
    return Absent(reason=f"{Duration(source.asked.latency_s)} was asked for {precision}: {model_name(precision)}")


def _prediction(source: Source, result: ExportResult) -> PredictedLatency | Absent:
    """What the latency table says of this file: tables are of ONNX files in the precision of their target."""
    if isinstance(source.predicted, Absent):
        return source.predicted
    if result.path.suffix != ".onnx" or result.info.precision != source.predicted_in:
        return Absent(reason=f"latency tables are for plain ONNX, this one for {source.predicted_in}")
    return source.predicted


def _metrics(source: Source, parity: Parity | Absent, data: ImageData | None) -> Metrics | Absent:
    """Of the file itself, as the first judge runs it."""
    if source.weights is None:
        return Absent(reason="the network is not trained")
    if data is None:
        return Absent(reason="no data set was given")
    return parity if isinstance(parity, Absent) else parity.judges[0].metrics
