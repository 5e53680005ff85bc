"""What is exported, and all that is known about where it comes from: gathered from records, or said on the command line."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.files import digest_of, read_bytes
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.model_card import Absent, AskedLatency, Baseline, DatasetFacts, PredictedLatency
from dna_deploy.records.pace import PaceReference
from dna_deploy.records.preprocessing import Shown
from dna_deploy.records.samples import Quantile
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.trained_network import ImagePlace, TrainedNetwork
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace, as_headed
from dna_deploy.targets.target import Precision

LARGEST = "largest network that fits the budget"

NOT_ASKED = Absent(reason="no latency was asked for")
NOT_PREDICTED = Absent(reason="no latency table was given")
UNKNOWN_DATA = Absent(reason="nothing says what the weights were trained on")


@dataclass(frozen=True)
class Source:
    """A network, its weights and its history."""

    space: HeadedSpace
    architecture: Architecture
    weights: Path | None = None
    task: str = "classification"
    labels: tuple[str, ...] = ()
    mean: tuple[float, ...] = ()
    deviation: tuple[float, ...] = ()
    shown: Shown | None = None
    asked: AskedLatency | Absent = NOT_ASKED
    predicted: PredictedLatency | Absent = NOT_PREDICTED
    predicted_in: Precision = "fp32"
    """The precision of the files that the prediction speaks of."""
    pace: PaceReference | None = None
    """Layers of the latency table that tell the pace of the machine, where there is a table."""
    baselines: tuple[Baseline, ...] = ()
    dataset: DatasetFacts | Absent = UNKNOWN_DATA
    place: ImagePlace | None = None
    """Where the images that it was trained on were read, if that is known."""
    seeds: Mapping[str, int] = field(default_factory=dict)
    digests: Mapping[str, str] = field(default_factory=dict)

    def with_outcome(self, outcome: SearchOutcome) -> Source:
        """What a search asked for and predicted of this very network; nothing, if it found another one."""
        if outcome.best.architecture != str(self.architecture):
            raise UsageError(
                f"the search found {outcome.best.architecture}, not {self.architecture}", "give the outcome that was trained"
            )
        latencies = [constraint for constraint in outcome.constraints if constraint.quantity.startswith("latency")]
        budget = next((constraint for constraint in latencies if constraint.at_most), None)
        digests = {**self.digests, "search outcome": outcome.digest, "ratings": outcome.ratings}
        digests |= {f"latency table of {target}": digest for target, digest in outcome.tables.items()}
        asked = self.asked
        if budget is not None and budget.at_most is not None:
            places = [place for place in outcome.best.targets if budget.target in (None, place.target)]
            where = {"target": places[0].target, "batch": places[0].batch, "precision": places[0].precision} if places else {}
            values = {"latency_s": budget.at_most, "quantile": budget.quantile or "p50", **where}
            asked = AskedLatency.model_validate(values)
        source = replace(self, asked=asked, baselines=_largest(outcome, self.space), digests=digests)
        if not outcome.best.targets:
            return source
        first, unsaid = outcome.best.targets[0], Absent(reason="not said by the search outcome")
        predicted = PredictedLatency(latency_s=first.latency_s, relative_error=unsaid)
        return replace(source, predicted=predicted, predicted_in=first.precision)

    def with_labels(
        self, labels: tuple[str, ...], mean: tuple[float, ...], deviation: tuple[float, ...], shown: Shown | None = None
    ) -> Source:
        """Names of classes and what is done to images, where the weights do not say it themselves."""
        return self if self.labels else replace(self, labels=labels, mean=mean, deviation=deviation, shown=shown)

    def with_table(self, table: LatencyTable) -> Source:
        """What a latency table predicts, with the error it had on networks that it was not fitted on."""
        table.check_space(self.space)
        quantile: Quantile = "p50" if isinstance(self.asked, Absent) else self.asked.quantile
        predicted = PredictedLatency(
            latency_s=table.predict(self.space, self.architecture, quantile).seconds,
            relative_error=table.error_of(self.space, self.architecture, quantile),
        )
        digests = {**self.digests, f"latency table of {table.target.name}": table.digest}
        return replace(
            self, predicted=predicted, predicted_in=table.target.precision, pace=table.pace_reference, digests=digests
        )


def source_of_record(path: Path) -> Source:
    """What a trained network's record or a search outcome names. The weights of the first lie beside it."""
    match _kind(path):
        case TrainedNetwork.KIND:
            return source_of_trained(TrainedNetwork.read(path), path.parent)
        case SearchOutcome.KIND:
            outcome = SearchOutcome.read(path)
            space = as_headed(outcome.find_networks())
            return Source(space, outcome.network(space)).with_outcome(outcome)
        case kind:
            raise UsageError(f"{path} is a {kind!r}", "give a trained network, a search outcome, or an architecture's line")


def source_of_trained(trained: TrainedNetwork, folder: Path) -> Source:
    """A trained network, whose weights lie in ``folder``."""
    space, weights = as_headed(trained.find_networks()), folder / trained.weights
    if weights.exists() and digest_of(read_bytes(weights, "weights")) != trained.weights_digest:
        raise TableError(
            f"{weights} does not hold the weights that this trained network was written with",
            "take both files of one training, or train it again",
        )
    digests = {"trained network": trained.digest, "data": trained.data_digest}
    return Source(
        space=space,
        architecture=space.parse(trained.architecture),
        weights=weights,
        task=trained.task,
        labels=trained.classes,
        mean=trained.mean,
        deviation=trained.deviation,
        shown=trained.shown,
        dataset=DatasetFacts(name=trained.dataset, splits=trained.images, digest=trained.data_digest),
        place=trained.place,
        seeds={"training": seed} if isinstance(seed := trained.recipe.get("seed"), int) else {},
        digests={**digests, "teacher": trained.teacher} if trained.teacher else digests,
    )


def _largest(outcome: SearchOutcome, space: HeadedSpace) -> tuple[Baseline, ...]:
    largest = outcome.largest
    if largest is None:
        return ()
    predicted = largest.targets[0].latency_s if largest.targets else NOT_PREDICTED
    return (Baseline.of(LARGEST, space, space.parse(largest.architecture), predicted),)


def _kind(path: Path) -> str:
    try:
        return str(json.loads(read_bytes(path, "record"))["kind"])
    except (ValueError, KeyError, TypeError) as error:
        raise TableError(f"{path} is not a record of dna-deploy", "give a trained network or a search outcome") from error
