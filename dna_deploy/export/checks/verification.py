"""Whether an exported file keeps its promise on this machine. Needs no torch and no onnx: the base install is enough."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from dna_deploy.errors import PromiseError, UnstableMeasurementError, UsageError
from dna_deploy.export.cards.card_file import SENTINELS, card_path, write_card
from dna_deploy.export.cards.metadata import ModelInfo
from dna_deploy.export.runtimes.onnx_runtime import read_notes
from dna_deploy.latency.beside import Sentinels
from dna_deploy.latency.looks import fair_look
from dna_deploy.latency.measure import measure_model
from dna_deploy.latency.runners.inputs import GivenInput
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.doubt import UNSTABLE, Doubt
from dna_deploy.records.files import digest_of, read_bytes
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import AskedLatency, MeasuredLatency, ModelCard, Tuning
from dna_deploy.records.pace import is_kept, verdict
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.records.samples import Quantile, plan_for, read_quantile
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.units import Duration

WAITS_S = (5.0, 20.0, 60.0)
"""Before a model is measured again, where its promise looks missed, or the pace of the machine decides about it."""


@dataclass(frozen=True)
class Promise:
    """What a file was allowed to take, if that was said, and at which quantile."""

    asked: Duration | None = None
    quantile: Quantile = "p50"
    written: AskedLatency | None = None
    """What the card says, where that is what was asked: for which target, batch and precision."""

    def check_target(self, target: Target) -> None:
        """Raises `UsageError` if it was asked for another target than the one that is measured."""
        if self.written is None:
            return
        for what, asked, measured in (
            ("target", self.written.target or target.name, target.name),
            ("batch", self.written.batch, target.batch),
            ("precision", self.written.precision, target.precision),
        ):
            if asked != measured:
                raise UsageError(
                    f"{Duration(self.written.latency_s)} was asked for {what} {asked}; {what} {measured} would be measured",
                    f"verify it with --target {self.written.target or 'NAME'}, or say what holds here: --latency 20ms",
                )


@dataclass(frozen=True)
class Verification:
    """What a file took on this machine."""

    path: Path
    info: ModelInfo | None
    measurement: Measurement
    """At the pace that is nearest to the table's, where it was measured several times."""
    promise: Promise

    @property
    def latency(self) -> Duration:
        """The measured latency at the asked quantile."""
        return self.measurement.quantile(self.promise.quantile)

    @property
    def standard_error(self) -> Duration:
        return self.measurement.standard_error(self.promise.quantile)

    @property
    def is_kept(self) -> bool | None:
        """Whether it runs within what was asked; None where nothing was."""
        asked = self.promise.asked
        return None if asked is None else is_kept(self.latency.seconds, asked.seconds, self.measurement.pace)

    @property
    def verdict(self) -> str:
        """The same in words, both numbers in them where the machine goes at another pace than its table."""
        asked = self.promise.asked
        return "not asked" if asked is None else verdict(self.latency.seconds, asked.seconds, self.measurement.pace)

    def check(self, limit: Duration | None) -> None:
        """Raises `PromiseError` if the file takes longer than ``limit``, at the pace of its table."""
        if limit is None or is_kept(self.latency.seconds, limit.seconds, self.measurement.pace):
            return
        at_table = self.measurement.at_table(self.promise.quantile)
        now = "" if at_table == self.latency else f" at the table's pace ({self.latency} now)"
        raise PromiseError(
            f"{self.path.name} takes {at_table}{now} at {self.promise.quantile} for {self.measurement.target.per} "
            f"on {self.measurement.target.name!r}, {at_table.seconds / limit.seconds - 1:.1%} over {limit}",
            f"its standard error is {self.standard_error}; search again with a lower --latency",
        )

    @property
    def instability(self) -> tuple[Doubt, ...]:
        """The doubts for which the numbers mean nothing."""
        return tuple(doubt for doubt in self.measurement.doubts if doubt.grade in UNSTABLE)

    def check_stable(self) -> None:
        """Raises `UnstableMeasurementError` if the machine was too noisy for the numbers to mean anything."""
        if reasons := self.instability:
            raise UnstableMeasurementError(
                f"the measurement has grade {self.measurement.grade}: {reasons[0].message}",
                f"{reasons[0].advice}, or accept it with --accept-noise",
            )


def verify_model(
    path: Path,
    target: Target,
    plan: SamplingPlan,
    promise: Promise,
    on_progress: OnProgress = silent,
    *,
    inputs: Sequence[GivenInput] = (),
) -> Verification:
    """Measures a file on this machine, as often as the asked quantile needs. ``inputs`` says what it leaves open.

    Raises:
        UsageError: the file cannot be loaded, or the target is of another batch or precision than the file or its promise.
        UnstableMeasurementError: the clock cannot be used.
    """
    info = notes_of(path)
    if info is not None and info.pictures == "any size":
        raise UsageError(
            f"{path.name} takes pictures of any size, which take different times",
            "export it for the size that the device sees: --with-preprocessing 480x640",
        )
    source = info or card_of(path)  # engines and OpenVINO's files do not say it themselves
    if source is not None and source.precision != target.precision:
        raise UsageError(
            f"{path.name} is in {source.precision}; the target {target.name!r} measures {target.precision}",
            f"verify it with a target that has precision = {source.precision!r}, or give the file in {target.precision}",
        )
    promise.check_target(target)
    plan, sentinels = plan_for(promise.quantile, plan), sentinels_of(path)

    def measure() -> Measurement:
        return measure_model(path, target, plan, on_progress, inputs=inputs, sentinels=sentinels)

    return Verification(path, info, at_equal_pace(measure, promise, WAITS_S, time.sleep), promise)


def at_equal_pace(
    measure: Callable[[], Measurement], promise: Promise, waits_s: Sequence[float], sleep: Callable[[float], object]
) -> Measurement:
    """Measures, and later again, until the machine goes as when its table was made, or its pace decides nothing.

    A miss is believed once two looks agree, as `fair_look` says; without a table nothing is waited for. Looks at the pace of
    the table come before all others.
    """
    looks = [measure()]
    for wait_s in waits_s:
        answer, is_settled = _answer(looks, promise)
        if answer.pace is None or is_settled:
            break
        sleep(wait_s)
        looks.append(measure())
    answer, _ = _answer(looks, promise)
    if answer.pace is None or len(looks) == 1:
        return answer
    return answer.model_copy(update={"pace": answer.pace.model_copy(update={"looks": len(looks)})})


def _answer(looks: Sequence[Measurement], promise: Promise) -> tuple[Measurement, bool]:
    """What several looks say, and whether that will do."""
    at_pace = [look for look in looks if look.pace is None or look.pace.is_equal]
    answer, is_agreed = fair_look(at_pace or looks, promise.quantile)
    if promise.asked is None:
        return answer, True
    is_missed = not is_kept(answer.quantile(promise.quantile).seconds, promise.asked.seconds, answer.pace)
    return answer, not _is_decided_by_pace(answer, promise) and (is_agreed or not is_missed)


def _is_decided_by_pace(measurement: Measurement, promise: Promise) -> bool:
    """Whether the promise is kept at one pace and missed at the other."""
    if promise.asked is None or measurement.pace is None or measurement.pace.is_equal:
        return False
    now, asked = measurement.quantile(promise.quantile).seconds, promise.asked.seconds
    return (now <= asked) != is_kept(now, asked, measurement.pace)


def sentinels_of(model: Path) -> Sentinels | None:
    """The layers that tell the pace of the machine, where they lie beside a model and its card."""
    card, kit = card_of(model), model.with_name(SENTINELS)
    if card is None or card.pace is None or not kit.exists():
        return None
    return Sentinels(ProbeKit.read(kit), card.pace)


def notes_of(path: Path) -> ModelInfo | None:
    """What a file says about itself; None where this tool did not write it, or its format says nothing."""
    return ModelInfo.parse(read_notes(path), str(path)) if path.suffix == ".onnx" else None


def find_promise(model: Path, asked: Duration | None, quantile: str | None) -> Promise:
    """What was promised of a model: what the user says, and what its card says of the rest.

    Raises:
        UsageError: the quantile is not one of those that can be measured.
    """
    card = card_of(model)
    written = card.asked if card is not None and isinstance(card.asked, AskedLatency) else None
    listed = read_quantile(quantile or (written.quantile if written else "p50"))
    if asked is not None or written is None:
        return Promise(asked, listed)
    return Promise(Duration(written.latency_s), listed, written)


def card_of(model: Path) -> ModelCard | None:
    """The card beside a model; None where there is none of this very file."""
    path = card_path(model)
    if not (path.exists() and model.exists()):
        return None
    card = ModelCard.read(path)
    return card if card.model_digest == digest_of(read_bytes(model, "model")) else None


def without_preprocessing(path: Path) -> Path | None:
    """The file with the network alone, beside one that has pre-processing inside; None for other files."""
    plain = path.with_name(path.name.replace(".pictures.", "."))
    return plain if plain != path and plain.exists() else None


def complete_card(
    verification: Verification, tuning: Tuning | None = None, plain: Verification | None = None
) -> tuple[Path, Path] | None:
    """Writes what was measured, and tuned, into the card beside the model; None where there is no card of this very file.

    ``plain`` is what the network alone took, where the model has pre-processing inside.
    """
    card = card_of(verification.path)
    if card is None:
        return None
    promise = verification.promise
    measured = MeasuredLatency.of(verification.measurement, promise.quantile)
    changes: dict[str, object] = {"measured": measured}
    if tuning is not None:
        changes["tuning"] = tuning
    if plain is not None:
        changes["without_preprocessing"] = MeasuredLatency.of(plain.measurement, promise.quantile)
    if promise.asked is not None:
        target = verification.measurement.target
        changes["asked"] = AskedLatency(
            latency_s=promise.asked.seconds,
            quantile=promise.quantile,
            target=target.name,
            batch=target.batch,
            precision=target.precision,
        )
    return write_card(card.model_copy(update=changes), verification.path.parent)
