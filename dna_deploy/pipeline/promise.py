"""The promise loop: what search finds is exported, measured, and searched again where the measurement says otherwise.

Latency does not depend on weights, so that an untrained network is enough. What a measurement teaches is one factor on
the table's predictions: it is true near the budget, which is where the next search looks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from dna_deploy.errors import InfeasibleError, PromiseError, TableError
from dna_deploy.export.kits.kit import sentinel_kit
from dna_deploy.export.untrained import export_untrained
from dna_deploy.latency.beside import Sentinels
from dna_deploy.latency.looks import fair_look
from dna_deploy.latency.measure import measure_model
from dna_deploy.progress import OnProgress, silent
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.measurement import Measurement
from dna_deploy.records.samples import Quantile, plan_for
from dna_deploy.records.search_outcome import SearchOutcome
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.units import Duration

SearchTable: TypeAlias = Callable[[LatencyTable], SearchOutcome]
"""Searches under every constraint, the budget among them, with a table in the place of the target's."""

MeasureNetwork: TypeAlias = Callable[[Architecture], Measurement]

MOST_ROUNDS = 5
SLACK = 0.03
"""Where less than this share of the budget is unused, the network is taken at once; else a slower one may be better."""

RESERVE = 0.01
"""Kept free below the budget: measurements of one file a few minutes apart were seen to differ by up to so much."""

LOOKS = 5
"""Measurements of one network at most, where no two agree."""


@dataclass(frozen=True)
class Attempt:
    """One round: what search found with what was known then, and what it took."""

    outcome: SearchOutcome
    predicted: Duration
    measured: Duration
    """At the pace of the table, where that could be compared."""
    standard_error: Duration
    budget: Duration
    now: Duration | None = None
    """As it was measured, at whatever pace the machine went."""

    @property
    def architecture(self) -> str:
        return self.outcome.best.architecture

    @property
    def is_kept(self) -> bool:
        """Whether it runs within the budget, and still should when it is measured again."""
        return self.at_worst_s <= self.budget.seconds

    @property
    def at_worst_s(self) -> float:
        """What another measurement may well find."""
        return self.measured.seconds * (1 + RESERVE) + self.standard_error.seconds

    @property
    def verdict(self) -> str:
        """Whether it is kept, in words."""
        if self.is_kept:
            return "kept"
        return "missed" if self.measured > self.budget else "too close to tell"

    @property
    def slack(self) -> float:
        """The share of the budget that is left."""
        return 1 - self.measured.seconds / self.budget.seconds

    @property
    def unused(self) -> float:
        """The share of the budget that the optimum would leave, where search preferred a cheaper network to it."""
        optimum = self.outcome.passed_over
        dearer = 1.0 if optimum is None else optimum.costs[0] / self.outcome.ties[0].costs[0]
        return 1 - dearer * self.measured.seconds / self.budget.seconds


@dataclass(frozen=True)
class KeptPromise:
    """Every round, and the best network that kept the promise."""

    attempts: tuple[Attempt, ...]
    chosen: Attempt


OnAttempt: TypeAlias = Callable[[Attempt], None]


def keep_promise(
    space: HeadedSpace,
    search: SearchTable,
    table: LatencyTable,
    budget: Duration,
    quantile: Quantile,
    measure: MeasureNetwork,
    *,
    rounds: int = MOST_ROUNDS,
    on_attempt: OnAttempt | None = None,
) -> KeptPromise:
    """Searches and measures until the found network runs within the budget, and not needlessly far below it.

    Args:
        space: Where the networks come from.
        search: Finds the best network that a table predicts to be within the budget.
        table: What was profiled.
        budget: What the network may take, measured.
        quantile: At which quantile.
        measure: How long a network really takes; see `measure_untrained`.
        rounds: How often at the most.
        on_attempt: Told after every round.

    Raises:
        PromiseError: no network that was found kept the promise.
        TableError: this is not the machine that the table is true for.
        InfeasibleError: none is predicted to.
    """
    attempts: list[Attempt] = []
    factor = 1.0
    while len(attempts) < rounds:
        try:
            outcome = search(recalibrated(table, quantile, factor))
        except InfeasibleError:
            if attempts:
                break
            raise
        if any(outcome.best.architecture == earlier.architecture for earlier in attempts):
            break
        architecture = outcome.network(space)
        measurement = _measure_fairly(measure, architecture, quantile)
        _check_machine(measurement, table)
        expected = table.predict(space, architecture, quantile)
        attempt = Attempt(
            outcome=outcome.model_copy(update={"tables": {**outcome.tables, table.target.name: table.digest}}),
            predicted=Duration(expected.seconds * factor),
            measured=measurement.at_table(quantile),
            now=measurement.quantile(quantile),
            standard_error=measurement.standard_error(quantile),
            budget=budget,
        )
        attempts.append(attempt)
        if on_attempt is not None:
            on_attempt(attempt)
        if attempt.is_kept and attempt.unused <= SLACK:
            break
        # After a miss the error counts in full, so that the same network cannot be found again.
        believed = attempt.measured.seconds if attempt.is_kept else attempt.at_worst_s
        factor = believed / expected.seconds
    return KeptPromise(tuple(attempts), _best(attempts, budget, quantile))


def recalibrated(table: LatencyTable, quantile: Quantile, factor: float) -> LatencyTable:
    """The table with every prediction of a quantile multiplied."""
    calibrations = tuple(
        calibration.model_copy(update={"scale": calibration.scale * factor, "offset_s": calibration.offset_s * factor})
        if calibration.quantile == quantile
        else calibration
        for calibration in table.calibrations
    )
    return table.model_copy(update={"calibrations": calibrations})


def measure_untrained(
    space: HeadedSpace, table: LatencyTable, plan: SamplingPlan, quantile: Quantile, on_progress: OnProgress = silent
) -> MeasureNetwork:
    """Exports a network with random weights into a folder that vanishes, and measures it beside layers of the table."""
    target = table.target
    reference = table.pace_reference
    sentinels = Sentinels(sentinel_kit(space, reference, target.batch, target.precision), reference)

    def measure(architecture: Architecture) -> Measurement:
        with tempfile.TemporaryDirectory() as folder:
            path = export_untrained(space, architecture, target, Path(folder))
            return measure_model(path, target, plan_for(quantile, plan), on_progress, sentinels=sentinels)

    return measure


def _measure_fairly(measure: MeasureNetwork, architecture: Architecture, quantile: Quantile) -> Measurement:
    """Looks until two looks agree; of these the slower one."""
    looks, is_agreed = [measure(architecture)], False
    while len(looks) < LOOKS and not is_agreed:
        looks.append(measure(architecture))
        _, is_agreed = fair_look(looks, quantile)
    return fair_look(looks, quantile)[0]


def _check_machine(measurement: Measurement, table: LatencyTable) -> None:
    differences = measurement.fingerprint.differences(table.fingerprint)
    if differences:
        raise TableError(
            f"this is not the machine of the table for {table.target.name!r}: {differences[0]}",
            "keep the promise on the device itself, or profile this machine",
        )


def _best(attempts: list[Attempt], budget: Duration, quantile: Quantile) -> Attempt:
    keeping = [attempt for attempt in attempts if attempt.is_kept]
    if not keeping:
        nearest = min(attempts, key=lambda attempt: attempt.measured)
        raise PromiseError(
            f"no network kept {budget} at {quantile} within {len(attempts)} rounds; the nearest takes {nearest.measured}",
            "profile the target again, or ask for a longer latency",
        )
    return min(keeping, key=lambda attempt: attempt.outcome.best.rating)
