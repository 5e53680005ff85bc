"""The checks of one-shot methods: fronts by their area, regret in points, and tables of whatever rows are there."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from benchmarks.rating.one_shots import grounds, shifted
from benchmarks.rating.one_shots.branches import branched, branches_of, drawn, plain_codes, summed
from benchmarks.rating.one_shots.evolving import area
from benchmarks.rating.one_shots.grounds import Ground, Scale
from benchmarks.rating.one_shots.report import CLAIMS, report
from benchmarks.rating.one_shots.supernets import orders, regret
from benchmarks.rows import add_rows
from dna_deploy.records.latency_table import LatencyTable
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.options import with_branches
from tests.search.instances import random_table


@pytest.fixture(scope="module")
def ground() -> Ground:
    """Networks of `fashion` whose accuracy is the logarithm of the number of their parameters."""
    import random

    space, rng = find_chain("fashion").with_head(), random.Random(0)
    networks = tuple(dict.fromkeys(space.sample(rng) for _ in range(30)))
    table = LatencyTable.read(grounds.ROOT / "latency_tables" / "fashion.cpu-1thread.json")
    none: Any = None
    made = Ground("fashion", space, none, table, networks, np.zeros(len(networks)), np.arange(len(networks)) % 3, 1, 5, Scale())
    return replace(made, accuracy=np.log(made.parameters))


def test_the_area_of_a_front_is_the_mean_over_budgets_of_the_best_within() -> None:
    assert area([(0.2, 50.0), (0.6, 80.0)], 1.0) == pytest.approx(0.4 * 50 + 0.4 * 80)
    assert area([(0.6, 80.0), (0.2, 50.0), (0.7, 60.0)], 1.0) == pytest.approx(52)  # what another beats adds nothing
    assert area([(0.2, 50.0), (1.6, 80.0)], 1.0) == pytest.approx(40)  # nor what is too slow


def test_a_score_that_is_the_accuracy_has_its_order_and_no_regret_and_chance_has_some(ground: Ground) -> None:
    assert regret(ground.accuracy, ground) == pytest.approx(0)
    assert regret(-ground.accuracy, ground) > regret(np.zeros(len(ground.networks)), ground) > 0
    numbers = orders("itself", ground.accuracy, ground)
    assert numbers["tau itself"] == 1
    assert numbers["itself given parameters"] == "NaN"  # nothing is left of it


def test_networks_are_drawn_within_the_budget_and_as_fast_ones_are_as_fast(ground: Ground) -> None:
    drawn = ground.drawn(3)
    assert drawn == ground.drawn(3) != ground.drawn(4)
    assert all(ground.seconds(network) <= ground.budget_s for network in drawn)
    others = ground.as_fast_as(drawn[0], 3, 0)
    assert len(others) == 3
    assert all(abs(ground.seconds(other) / ground.seconds(drawn[0]) - 1) <= grounds.NEAR for other in others)


def test_the_report_shows_the_checks_of_whatever_rows_are_there(tmp_path: Path) -> None:
    base = {"steps": 9, "batch": 16, "seconds": 5.0, "tau accuracy": 0.3, "tau accuracy low": 0.1, "tau accuracy high": 0.5}
    given = {
        f"accuracy {what}{end}": 0.2
        for what in ("given MACs", "given parameters", "within bands")
        for end in ("", " low", " high")
    }
    row = {**base, **given, "accuracy regret": 1.5, "uniform": 40.0}
    for seed in range(2):
        add_rows(tmp_path / "fashion-one-shot.csv", [{"name": f"seed {seed}", **row}])
        add_rows(tmp_path / "fashion-cream.csv", [{"name": f"seed {seed}", **row, "uniform": 42.0 + seed}])
    text = report(tmp_path)
    assert "| Cream    | shared accuracy within the budget, minus SPOS' | +2.00, +3.00  | +2.50  | 0.50             |" in text
    assert "+0.30 [+0.10, +0.50]" in text
    assert "SETN" not in text.split("checks")[-1]


def test_images_are_shifted_by_as_much_as_is_said() -> None:
    images, rng = torch.zeros(64, 1, 28, 28, dtype=torch.uint8), torch.Generator().manual_seed(0)
    images[:, :, 13:15, 13:15] = 200
    middle = {tuple(image[0].nonzero().float().mean(0).tolist()) for image in shifted.moved(images, rng)}
    assert middle == {(11.5, 13.5), (15.5, 13.5), (13.5, 11.5), (13.5, 15.5)}
    bar = torch.zeros_like(images)
    bar[:, :, 4:24, 13:15] = 200
    ends = {float(torch.sign(image[0, :8].nonzero()[:, 1].float().mean() - 13.5)) for image in shifted.turned(bar, rng)}
    assert ends == {-1.0, 1.0}
    noise = shifted.noisy(torch.full((64, 1, 28, 28), 128, dtype=torch.uint8), rng).float()
    assert float(noise.std()) == pytest.approx(shifted.NOISE, rel=0.02)


def test_every_check_names_columns_that_some_row_has() -> None:
    """What a claim reads is written in the modules that make the rows."""

    class Asked(dict[str, Any]):
        def __missing__(self, name: str) -> Any:
            names.append(name)
            return Asked() if name in METHODS else 1.0

    from benchmarks.rating.one_shots.__main__ import METHODS

    names: list[str] = []
    for _, _, difference in CLAIMS:
        difference(Asked())
    files = ("checks.py", "evolving.py", "shifted.py", "supernets.py")
    written = "".join((Path(grounds.__file__).with_name(file)).read_text() for file in files)
    for name in set(names) - {*METHODS}:
        parts = [part for part in name.split(" ") if part not in {"1", "2", "3", "a", "third", "twelfth"}]
        assert all(part.strip(",") in written for part in parts), name


def test_networks_of_branches_are_predicted_by_the_sum_of_their_operations() -> None:
    rng = random.Random(0)
    space = branched(find_chain("catalogue").with_head(), rng)
    plain = with_branches(space, [[(code,) for code in codes] for codes in plain_codes(space)])
    table = random_table(plain, rng)
    for network in drawn(plain, 3, rng, has_branches=False):
        assert summed(table, plain, network) == pytest.approx(table.predict(plain, network).seconds)
    scale = table.calibration("p50").scale
    for network in drawn(space, 3, rng, has_branches=True):
        assert branches_of(space, network) > 0
        singles = [layer for layer in space.place(network) if not hasattr(layer.operation, "operations")]
        known = table.calibration("p50").offset_s + scale * sum(table.row(layer.key) for layer in singles)
        assert summed(table, space, network) > known
