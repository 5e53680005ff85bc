"""What is known about an exported model: asked, predicted and measured latency, parity, metrics, and how to make it again.

What is not known says why. The Markdown beside the record is written by the room `export`.
"""

from __future__ import annotations

import operator
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Literal, Self, TypeAlias

from pydantic import Field

from dna_deploy.records.doubt import Doubt
from dna_deploy.records.files import Migration, Part, Provenance, equal_to
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.pace import MeasuredPace, PaceReference, is_kept, verdict
from dna_deploy.records.preprocessing import Preprocessing
from dna_deploy.records.samples import Quantile
from dna_deploy.records.score import Metrics, of_accuracy
from dna_deploy.records.space_record import HeadedRecord, with_head
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.fingerprint import Fingerprint
from dna_deploy.targets.target import Precision, Target


class Absent(Part):
    """A value that is not there, and why."""

    reason: str


NO_RECIPE = Absent(reason="nothing says how images were prepared")
NOT_TUNED = Absent(reason="not tuned; dna-deploy verify --tune does it")
NOTHING_INSIDE = Absent(reason="no pre-processing is inside")


class JudgeParity(Part):
    """How far one judge's scores for a file are from torch's, over some images."""

    judge: str
    judge_version: str
    images: int = Field(gt=0)
    max_absolute_error: float = Field(ge=0)
    mean_absolute_error: float = Field(ge=0)
    same_answers: int = Field(ge=0, description="images for which the judge and torch give the same answer")
    metrics: Metrics | Absent

    @property
    def agreement(self) -> float:
        """The share of images with the same answer."""
        return self.same_answers / self.images


class Parity(Part):
    """Torch against every judge that was there."""

    precision: Precision
    source: str = Field(description="which images")
    largest_score: float = Field(ge=0, description="the largest absolute score of torch: what errors are relative to")
    metrics: Metrics | Absent = Field(description="of torch")
    judges: tuple[JudgeParity, ...] = Field(min_length=1)
    absent_judges: dict[str, str] = Field(description="judges that could not be asked, and why")


class AskedLatency(Part):
    """The budget."""

    latency_s: float = Field(gt=0)
    quantile: Quantile = "p50"
    target: str = Field("", exclude_if=operator.not_, description="for which target; empty where nobody said it")
    batch: int = Field(1, ge=1, exclude_if=equal_to(1), description="images that the latency is for")
    precision: Precision = Field("fp32", exclude_if=equal_to("fp32"))


class PredictedLatency(Part):
    """What the latency table says, and how far it was off on networks that it was not fitted on."""

    latency_s: float = Field(gt=0)
    relative_error: float | Absent


class MeasuredLatency(Part):
    """What the file took on the target."""

    p50_s: float = Field(gt=0)
    p90_s: float | Absent
    quantile: Quantile
    quantile_s: float = Field(gt=0, description="the asked quantile: what the budget is compared with")
    standard_error_s: float = Field(ge=0, description="of the asked quantile")
    spread: float = Field(ge=0, description="interquartile range over the median")
    samples: int = Field(gt=0)
    target: Target
    fingerprint: Fingerprint
    idle_s: float = Field(0.0, ge=0, exclude_if=operator.not_, description="rest before every run; 0: runs back to back")
    steady: bool = Field(False, exclude_if=operator.not_, description="only in moments when nobody else was at work")
    pace: MeasuredPace | None = Field(
        default=None, exclude_if=equal_to(None), description="of the machine, against the latency table's; absent: not compared"
    )
    no_pace: str = Field(default="", exclude_if=operator.not_, description="why it was not compared")
    doubts: tuple[Doubt, ...]

    @property
    def rhythm(self) -> str:
        """For which moments the numbers are true, in words."""
        words = f"each run after a rest of {self.idle_s * 1e3:g} ms" if self.idle_s else "runs back to back"
        return f"{words}, only in moments when nobody else was at work" if self.steady else f"{words}, every moment counted"

    @classmethod
    def of(cls, measurement: Measurement, quantile: Quantile) -> Self:
        """What a card says of a measurement.

        Raises:
            UnstableMeasurementError: there are too few samples to speak of the quantile.
        """
        missing = measurement.why_not("p90")
        return cls(
            p50_s=measurement.p50.seconds,
            p90_s=Absent(reason=missing) if missing else measurement.p90.seconds,
            quantile=quantile,
            quantile_s=measurement.quantile(quantile).seconds,
            standard_error_s=measurement.standard_error(quantile).seconds,
            spread=measurement.spread,
            samples=measurement.samples.count,
            target=measurement.target,
            fingerprint=measurement.fingerprint,
            idle_s=measurement.plan.idle_s,
            steady=measurement.plan.steady,
            pace=measurement.pace,
            no_pace=measurement.no_pace,
            doubts=measurement.doubts,
        )


class Setting(Part):
    """One way to run the network, and what it took."""

    model: str = Field(description="file name; other precisions are other files")
    precision: Precision
    threads: int = Field(ge=1)
    options: dict[str, str]
    p50_s: float = Field(gt=0)
    metrics: Metrics | Absent

    @property
    def words(self) -> str:
        """The setting as one line."""
        return ", ".join(
            [self.precision, f"{self.threads} thread(s)", *(f"{key}={value}" for key, value in self.options.items())]
        )


class Tuning(Part):
    """Every setting that was tried, the fastest first, and what the target itself says."""

    tried: tuple[Setting, ...] = Field(min_length=1)
    usual: Setting

    @property
    def chosen(self) -> Setting:
        return self.tried[0]

    @property
    def gained(self) -> float:
        """The share of the usual latency that is saved."""
        return 1 - self.chosen.p50_s / self.usual.p50_s


class LayerFacts(Part):
    """One layer of the architecture."""

    place: str = Field(description="stem, block 1, ..., head")
    layer: str
    parameters: int
    macs: int


class Baseline(Part):
    """Another network for the same budget, for comparison."""

    name: str
    architecture: str
    parameters: int
    macs: int
    predicted_s: float | Absent

    @classmethod
    def of(cls, name: str, space: SearchSpace, architecture: Architecture, predicted_s: float | Absent) -> Self:
        """Another network of a space."""
        layers = space.place(architecture)
        parameters, macs = sum(layer.parameters for layer in layers), sum(layer.macs for layer in layers)
        return cls(name=name, architecture=str(architecture), parameters=parameters, macs=macs, predicted_s=predicted_s)


class DatasetFacts(Part):
    """On what the network was trained and judged."""

    name: str
    splits: dict[str, int] = Field(description="images of each part")
    digest: str = ""


PromiseVerdict: TypeAlias = Literal["kept", "missed", "not checked"]


def _of_version_2(body: dict[str, Any]) -> dict[str, Any]:
    """Version 1 knew one metric, accuracy."""

    def renamed(part: dict[str, Any]) -> dict[str, Any]:
        metrics = of_accuracy(part["accuracy"])
        rest = {key: value for key, value in part.items() if key != "accuracy"}
        return {**rest, "metrics": metrics if "reason" in metrics else [metrics]}

    def of_judge(judge: dict[str, Any]) -> dict[str, Any]:
        return renamed({("same_answers" if key == "same_top1" else key): value for key, value in judge.items()})

    parity, tuning = body["parity"], body.get("tuning", NOT_TUNED.model_dump())
    if "reason" not in parity:
        parity = renamed({**parity, "judges": list(map(of_judge, parity["judges"]))})
    if "reason" not in tuning:
        tuning = {"tried": list(map(renamed, tuning["tried"])), "usual": renamed(tuning["usual"])}
    return renamed(with_head({**body, "parity": parity, "tuning": tuning}))


class ModelCard(HeadedRecord):
    """Everything about one exported model."""

    KIND: ClassVar[str] = "model-card"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: _of_version_2})

    provenance: Provenance
    model: str = Field(description="file name of the model")
    model_digest: str
    model_bytes: int = Field(gt=0)
    precision: Precision
    architecture: str
    layers: tuple[LayerFacts, ...]
    parameters: int
    deployed_parameters: int
    macs: int
    asked: AskedLatency | Absent
    predicted: PredictedLatency | Absent
    pace: PaceReference | None = Field(
        default=None, exclude_if=equal_to(None), description="what tells the pace of the machine: layers of the latency table"
    )
    measured: MeasuredLatency | Absent
    tuning: Tuning | Absent = NOT_TUNED
    without_preprocessing: MeasuredLatency | Absent = Field(
        NOTHING_INSIDE, description="what the file beside it took, which has the network alone inside"
    )
    parity: Parity | Absent
    metrics: Metrics | Absent = Field(description="of the exported file on the untouched test images")
    baselines: tuple[Baseline, ...]
    dataset: DatasetFacts | Absent
    labels: tuple[str, ...]
    preprocessing: Preprocessing | Absent = Field(NO_RECIPE, description="from a picture to what the network takes")
    seeds: dict[str, int]
    packages: dict[str, str] = Field(description="versions of what made the file")
    digests: dict[str, str] = Field(description="of the records and weights that it came from")
    reproduce: str = Field(description="the command that makes it again")

    @property
    def promise(self) -> PromiseVerdict:
        """Whether the latency meets the budget: as measured at the pace of the table, else as it is at that pace."""
        if isinstance(self.asked, Absent) or isinstance(self.measured, Absent):
            return "not checked"
        return "kept" if is_kept(self.measured.quantile_s, self.asked.latency_s, self.measured.pace) else "missed"

    @property
    def compared(self) -> tuple[Baseline, ...]:
        """This network, then those beside it."""
        predicted = self.predicted if isinstance(self.predicted, Absent) else self.predicted.latency_s
        this = Baseline(
            name="this network",
            architecture=self.architecture,
            parameters=self.parameters,
            macs=self.macs,
            predicted_s=predicted,
        )
        return (this, *self.baselines)

    @property
    def verdict(self) -> str:
        """The promise in words; both numbers are in it where the machine goes at another pace than its table."""
        if isinstance(self.asked, Absent) or isinstance(self.measured, Absent):
            return self.promise
        return verdict(self.measured.quantile_s, self.asked.latency_s, self.measured.pace)
