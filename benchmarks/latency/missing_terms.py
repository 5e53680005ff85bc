"""What a sum of rows does not know of whole networks: fits with further terms, on runs that are recorded.

    python -m benchmarks.latency.missing_terms latency_tables/fashion.cpu-1thread.json

Every whole network of the table's runs is used: ten, twenty-five or sixty of them, drawn again and again, are fitted, the rest
is predicted; below stands how much the two halves of each network's own samples differ. The last line lets every row be off by
about a tenth, as whole networks tell (ridge regression on its share of each network).

    dna-deploy profile --space fashion --validate 120           (makes a table whose runs hold enough of them)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.records.profile_run import ProfileRun

TERMS = {
    "sum of rows": (0,),
    "+ layers": (0, 1),
    "+ bytes of weights": (0, 2),
    "+ elements at the seams of layers": (0, 3),
    "+ its square": (0, 4),
    "+ seams, weights, square": (0, 2, 3, 4),
}
FITTED, TRIES = (10, 25, 60), 200
ROW_DEVIATION, NETWORK_DEVIATION = 0.1, 0.01
"""How far rows and networks may be off, as shares: what the ridge regression takes for granted."""


def off(features: NDArray[np.float64], taken: NDArray[np.float64], terms: tuple[int, ...], fitted: int) -> float:
    """The mean relative error on networks that were left out of the fit."""
    columns = [np.ones(len(taken)), *(features[:, term] / features[:, term].mean() for term in terms)]
    design, rng, errors = np.stack(columns, axis=1), np.random.default_rng(0), []
    for _ in range(TRIES):
        order = rng.permutation(len(taken))
        known, left = order[:fitted], order[fitted:]
        weights, *_ = np.linalg.lstsq(design[known] / taken[known, None], np.ones(fitted), rcond=None)
        errors.append(np.abs(design[left] @ weights / taken[left] - 1).mean())
    return float(np.mean(errors))


def off_with_rows(shares: NDArray[np.float64], taken: NDArray[np.float64], fitted: int) -> float:
    """The same, where every row may be off by some: ``shares[n, r]`` is what row r adds to network n, in seconds."""
    rng, errors = np.random.default_rng(0), []
    columns = np.column_stack([np.full(len(taken), taken.mean()), shares.sum(axis=1), shares * ROW_DEVIATION]) / taken[:, None]
    penalty = np.diag([0.0, 0.0, *(NETWORK_DEVIATION**2 for _ in range(shares.shape[1]))])
    for _ in range(TRIES):
        order = rng.permutation(len(taken))
        known, left = columns[order[:fitted]], columns[order[fitted:]]
        weights = np.linalg.solve(known.T @ known + penalty, known.T @ np.ones(fitted))
        errors.append(np.abs(left @ weights - 1).mean())
    return float(np.mean(errors))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("table", type=Path)
    parser.add_argument("--profiles", type=Path, default=Path("profiles"))
    asked = parser.parse_args()
    table = LatencyTable.read(asked.table)
    records = map(ProfileRun.read, (asked.profiles / table.target.name / "runs").glob("*.json"))
    run = {record.digest: record for record in records}[table.runs[-1]]
    space = table.find_networks()
    features, taken, twice = [], [], []
    place_of = {row.layer: place for place, row in enumerate(table.rows)}
    probes = run.of("calibration", "validation")
    shares = np.zeros((len(probes), len(place_of)))
    for number, probe in enumerate(probes):
        layers = space.place(space.parse(probe.key))
        for layer in layers:
            shares[number, place_of[layer.key]] += table.row(layer.key)
        total, weights = shares[number].sum(), sum(layer.deployed_parameters for layer in layers)
        seams = sum(layer.input.elements + layer.output.elements for layer in layers)
        features.append((total, len(layers), 4 * weights, seams, total**2))
        first, second = (half.statistic("p50") for half in probe.samples.halves())
        taken.append(probe.samples.statistic("p50"))
        twice.append(abs(first / second - 1))
    values, times = np.array(features, dtype=float), np.array(taken)
    counts = [count for count in FITTED if count < len(times)]
    rows = [(name, *(f"{off(values, times, terms, count):.2%}" for count in counts)) for name, terms in TERMS.items()]
    rows.append(("every row off by some", *(f"{off_with_rows(shares, times, count):.2%}" for count in counts)))
    print(tabulate(rows, ("terms", *(f"fitted on {count}" for count in counts)), disable_numparse=True))
    least, most = times.min() * 1e6, times.max() * 1e6
    print(f"\nthe two halves of {len(times)} networks, {least:.0f} to {most:.0f} us: {np.mean(twice):.2%}")


if __name__ == "__main__":
    main()
