"""How well a table predicts whole networks that it has never seen, next to what measuring twice says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import kendalltau

from dna_deploy.errors import TableError
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.records.samples import Quantile
from dna_deploy.spaces.space import SearchSpace


@dataclass(frozen=True)
class Fidelity:
    """Relative errors of predictions, against measurements of the same networks."""

    networks: int
    mean_absolute_error: float
    bias: float
    within_5_percent: float
    within_10_percent: float
    kendall_tau: float
    worst_error: float

    @classmethod
    def of(cls, predicted_s: Sequence[float], measured_s: Sequence[float]) -> Fidelity:
        """Compares predictions with measurements, network by network."""
        predicted, measured = np.asarray(predicted_s), np.asarray(measured_s)
        errors = predicted / measured - 1
        size = np.abs(errors)
        return cls(
            networks=len(errors),
            mean_absolute_error=float(size.mean()),
            bias=float(errors.mean()),
            within_5_percent=float((size <= 0.05).mean()),
            within_10_percent=float((size <= 0.10).mean()),
            kendall_tau=float(kendalltau(predicted, measured).statistic) if len(errors) > 1 else 1.0,
            worst_error=float(errors[size.argmax()]),
        )


@dataclass(frozen=True)
class Validation:
    """A table judged on whole networks that it was not fitted on."""

    quantile: Quantile
    calibrated: Fidelity
    raw: Fidelity
    measured_twice: Fidelity


def validate(table: LatencyTable, run: ProfileRun, space: SearchSpace, quantile: Quantile = "p50") -> Validation:
    """Judges a table on the validation networks of a run.

    Raises:
        TableError: no network was timed, or the table lacks rows of all of them.
    """
    alone = {row.layer: row.alone_s for row in table.rows}
    networks = []
    for probe in run.of("validation"):
        architecture = space.parse(probe.key)
        layers = [layer.key for layer in space.place(architecture)]
        if alone.keys() >= set(layers):
            raw = table.overhead_s + sum(alone[layer] for layer in layers)
            networks.append((table.predict(space, architecture, quantile).seconds, raw, probe.samples))
    if not networks:
        raise TableError("the run holds no whole network to judge the table on", "use --validate 40")
    measured = [samples.quantile(quantile).seconds for _, _, samples in networks]
    halves = [samples.halves() for _, _, samples in networks]
    first, second = ([half[side].statistic(quantile) for half in halves] for side in (0, 1))
    return Validation(
        quantile=quantile,
        calibrated=Fidelity.of([predicted for predicted, _, _ in networks], measured),
        raw=Fidelity.of([raw for _, raw, _ in networks], measured),
        measured_twice=Fidelity.of(first, second),
    )
