"""What a sum of rows does not know of whole networks: fits with further terms, on runs that are recorded.

    python -m benchmarks.latency.missing_terms latency_tables/fashion.cpu-1thread.json

Every whole network of the table's runs is used: ten to sixty of them, drawn again and again, are fitted, the rest is
predicted; below stands how much the two halves of each network's own samples differ. The last line is what tables do: rows
are corrected by what whole networks tell of them.

    dna-deploy profile --space fashion --validate 120           (makes a table whose runs hold enough of them)
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tabulate import tabulate

from dna_deploy.latency.between import WholeNetworks, rows_between
from dna_deploy.latency.calibrate import fit_sums
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
FITTED, TRIES = (10, 20, 40, 60), 50


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


def off_corrected(networks: WholeNetworks, fitted: int) -> float:
    """The same with rows that whole networks have corrected, as tables have them."""
    rng, errors = np.random.default_rng(0), []
    for _ in range(TRIES):
        order = rng.permutation(len(networks)).tolist()
        known, left = (
            WholeNetworks(
                tuple(networks.layers[place] for place in places),
                networks.rows_s,
                tuple(networks.latencies_s[place] for place in places),
            )
            for places in (order[:fitted], order[fitted:])
        )
        rows_s = rows_between(known)
        scale, offset_s = fit_sums(known.sums_s(rows_s), known.latencies_s)
        predicted = offset_s + scale * np.array(left.sums_s(rows_s))
        errors.append(np.abs(predicted / np.array(left.latencies_s) - 1).mean())
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
    features, taken, twice, placed = [], [], [], []
    place_of, rows_s = {row.layer: place for place, row in enumerate(table.rows)}, np.array([row.alone_s for row in table.rows])
    for probe in run.of("calibration", "validation"):
        layers = space.place(space.parse(probe.key))
        placed.append(tuple(place_of[layer.key] for layer in layers))
        total, weights = rows_s[list(placed[-1])].sum(), sum(layer.deployed_parameters for layer in layers)
        seams = sum(layer.input.elements + layer.output.elements for layer in layers)
        features.append((total, len(layers), 4 * weights, seams, total**2))
        first, second = (half.statistic("p50") for half in probe.samples.halves())
        taken.append(probe.samples.statistic("p50"))
        twice.append(abs(first / second - 1))
    values, times = np.array(features, dtype=float), np.array(taken)
    counts = [count for count in FITTED if count < len(times)]
    rows = [(name, *(f"{off(values, times, terms, count):.2%}" for count in counts)) for name, terms in TERMS.items()]
    networks = WholeNetworks(tuple(placed), rows_s, tuple(taken))
    rows.append(("rows corrected by networks", *(f"{off_corrected(networks, count):.2%}" for count in counts)))
    print(tabulate(rows, ("terms", *(f"fitted on {count}" for count in counts)), disable_numparse=True))
    least, most = times.min() * 1e6, times.max() * 1e6
    print(f"\nthe two halves of {len(times)} networks, {least:.0f} to {most:.0f} us: {np.mean(twice):.2%}")


if __name__ == "__main__":
    main()
