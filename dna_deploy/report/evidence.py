"""Which of the findings belong together: one model, the search it came from, and the tables that the search was made on.

Records name each other by digest, so a folder with several runs still gives one story: that of the newest card, or else
of the newest outcome. Where the very record is not there, the newest of its kind takes its place, and the report says so.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from dna_deploy.errors import DnaDeployError
from dna_deploy.records.latency_table import Calibration, LatencyTable
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.model_card import Absent, ModelCard
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.rating_calibration import RatingCalibration
from dna_deploy.records.rating_run import RatingRun
from dna_deploy.records.rating_table import RatingTable
from dna_deploy.records.samples import Quantile
from dna_deploy.records.score import RATING, predicted
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.records.space_record import HeadedRecord, SpaceRecord
from dna_deploy.records.trained_network import TrainedNetwork
from dna_deploy.records.training_history import TrainingHistory
from dna_deploy.report.findings import AnyRecord, Findings
from dna_deploy.report.merit import Merit
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace, as_chain
from dna_deploy.spaces.heads import parse_head


@dataclass(frozen=True)
class Evidence:
    """The records of one story. What is None or empty is not there."""

    findings: Findings
    card: ModelCard | None
    outcome: SearchOutcome | None
    ratings: RatingTable | None
    tables: tuple[LatencyTable, ...]
    trained: TrainedNetwork | None
    histories: tuple[TrainingHistory, ...]
    measurement: Measurement | None
    doubts: tuple[str, ...]

    @property
    def table(self) -> LatencyTable | None:
        """The table of the target that the budget speaks of."""
        return self.tables[0] if self.tables else None

    @property
    def is_of_a_search(self) -> bool:
        """Whether there is anything of a journey through a space."""
        return any((self.card, self.outcome, self.ratings, self.trained))

    @property
    def runs(self) -> tuple[ProfileRun, ...]:
        """The runs behind the first table; without a table, the newest."""
        return self.runs_of(self.table) if self.table else self.findings.of(ProfileRun)[:1]

    def runs_of(self, table: LatencyTable) -> tuple[ProfileRun, ...]:
        """The runs that a table was made from, else the newest of its target and space, the oldest first."""
        runs = self.findings.of(ProfileRun)
        exact = [run for run in runs if run.digest in table.runs]
        alike = [
            run for run in runs if (run.target, run.space_digest, run.head) == (table.target, table.space_digest, table.head)
        ]
        return tuple(reversed(exact or alike[:1]))

    @cached_property
    def space(self) -> HeadedSpace | None:
        """The networks of the story, with their head; None where the space is not installed here, or is another one by now."""
        record = next(self._about_a_space(), None)
        head = next((one.head for one in self._about_a_space() if isinstance(one, HeadedRecord) and one.head), "")
        try:
            chain = as_chain(record.find_space()) if record else None
            return None if chain is None else chain.with_head(parse_head(head) if head else None)
        except DnaDeployError:
            return None

    @property
    def space_name(self) -> str:
        record = next(self._about_a_space(), None)
        return record.space if record else "an unknown space"

    @cached_property
    def answer(self) -> Architecture | None:
        """The network that the story ends with."""
        line = next((line for line in self._lines()), None)
        if line is None or self.space is None:
            return None
        try:
            return self.space.parse(line)
        except DnaDeployError:
            return None

    @property
    def quantile(self) -> Quantile:
        """The quantile that the budget speaks of."""
        if self.card and not isinstance(self.card.asked, Absent):
            return self.card.asked.quantile
        if self.outcome and self.outcome.best.targets:
            return self.outcome.best.targets[0].quantile
        return "p50"

    @property
    def calibration(self) -> Calibration | None:
        """How the first table turns sums of rows into the budget's quantile; where it cannot, its first calibration."""
        if self.table is None:
            return None
        by_quantile = {calibration.quantile: calibration for calibration in self.table.calibrations}
        uncalibrated = Calibration(quantile="p50", scale=1.0, offset_s=self.table.overhead_s, networks=0, relative_error=0.0)
        return by_quantile.get(self.quantile) or next(iter(by_quantile.values()), uncalibrated)

    @property
    def merit(self) -> Merit:
        """How to tell the ratings of the outcome; without one, those of the rating table."""
        if self.outcome is not None:
            return self.merit_of(self.outcome.ratings)
        return self.merit_of(self.ratings.digest) if self.ratings else Merit()

    def merit_of(self, ratings: str) -> Merit:
        """How to tell the ratings of the table with a digest."""
        calibration = next(
            (candidate for candidate in self.findings.of(RatingCalibration) if candidate.calibrated == ratings), None
        )
        if calibration is not None:
            return Merit(predicted(calibration.networks[0].reached), calibration)
        return Merit(self.ratings.score if self.ratings is not None and self.ratings.digest == ratings else RATING)

    @property
    def budget_s(self) -> float | None:
        """The latency that was asked for."""
        if self.card and not isinstance(self.card.asked, Absent):
            return self.card.asked.latency_s
        constraints = self.outcome.constraints if self.outcome else ()
        return next((demand.at_most for demand in constraints if demand.quantile and demand.at_most is not None), None)

    @property
    def target(self) -> str | None:
        """The name of the target that the budget speaks of."""
        if self.card and not isinstance(self.card.measured, Absent):
            return self.card.measured.target.name
        if self.outcome and self.outcome.best.targets:
            return self.outcome.best.targets[0].target
        return self.table.target.name if self.table else None

    def _lines(self) -> Iterable[str]:
        if self.card:
            yield self.card.architecture
        if self.outcome:
            yield self.outcome.best.architecture
        if self.trained:
            yield self.trained.architecture

    def _about_a_space(self) -> Iterator[SpaceRecord]:
        calibrations = self.findings.of(RatingCalibration)
        records = (self.outcome, self.ratings, *self.tables, self.card, self.trained, *self.runs, *calibrations)
        return (record for record in records if record is not None)


def select(findings: Findings) -> Evidence:
    """The story of the newest model card, or else of the newest search outcome, or else of the newest tables."""
    doubts: list[str] = []
    card = _card(findings.of(ModelCard))
    digests = set(card.digests.values()) if card else set()
    outcome = _named(findings.of(SearchOutcome), digests)
    ratings = _named(findings.of(RatingTable), {outcome.ratings} if outcome else digests)
    if outcome and ratings and ratings.digest != outcome.ratings:
        doubts.append("The search was made with another rating table than the one shown here, which was not found.")
    tables = _tables(findings, card, outcome, doubts)
    return Evidence(
        findings=findings,
        card=card,
        outcome=outcome,
        ratings=ratings,
        tables=tables,
        trained=_named(findings.of(TrainedNetwork), digests),
        histories=_newest_by_subject(_of_rating(findings, ratings)),
        measurement=_measurement(findings, card),
        doubts=tuple(doubts),
    )


def _named(records: tuple[AnyRecord, ...], digests: Collection[str]) -> AnyRecord | None:
    """The record that a digest names, else the newest."""
    return next((record for record in records if record.digest in digests), next(iter(records), None))


def _card(cards: tuple[ModelCard, ...]) -> ModelCard | None:
    """The newest card; of several about the same file, a measured one."""
    newest = next(iter(cards), None)
    alike = (card for card in cards if newest and card.model_digest == newest.model_digest)
    return next((card for card in alike if not isinstance(card.measured, Absent)), newest)


def _tables(
    findings: Findings, card: ModelCard | None, outcome: SearchOutcome | None, doubts: list[str]
) -> tuple[LatencyTable, ...]:
    """One table a target, the one that the budget speaks of first."""
    digests = set(outcome.tables.values()) if outcome else set(card.digests.values()) if card else set()
    tables = findings.of(LatencyTable)
    about = outcome or card or next(iter(tables), None)
    by_target: dict[str, LatencyTable] = {}
    for table in sorted(tables, key=lambda table: table.digest not in digests):
        if about and (table.space_digest, table.head) == (about.space_digest, about.head):
            by_target.setdefault(table.target.name, table)
    for target, used in (outcome.tables if outcome else {}).items():
        if target in by_target and by_target[target].digest != used:
            doubts.append(f"The search was made with another latency table of {target} than the one shown here.")
    first = outcome.best.targets[0].target if outcome and outcome.best.targets else None
    if card and not isinstance(card.measured, Absent):
        first = card.measured.target.name
    return tuple(sorted(by_target.values(), key=lambda table: table.target.name != first))


def _of_rating(findings: Findings, ratings: RatingTable | None) -> tuple[TrainingHistory, ...]:
    """Without those of blocks that lie beside the run of another rater than made the ratings."""
    histories = findings.of(TrainingHistory)
    if ratings is None:
        return histories
    others = {findings.folder_of(run) for run in findings.of(RatingRun) if run.method != ratings.rater}
    return tuple(history for history in histories if history.block is None or findings.folder_of(history) not in others)


def _newest_by_subject(histories: tuple[TrainingHistory, ...]) -> tuple[TrainingHistory, ...]:
    newest: dict[str, TrainingHistory] = {}
    for history in histories:
        newest.setdefault(history.subject, history)
    return tuple(sorted(newest.values(), key=lambda history: (history.block is None, history.block or 0, history.subject)))


def _measurement(findings: Findings, card: ModelCard | None) -> Measurement | None:
    """What was measured of the card's model file, or of any where there is no card."""
    measurements = findings.of(Measurement)
    return next(
        (measurement for measurement in measurements if card is None or measurement.model_digest == card.model_digest), None
    )
