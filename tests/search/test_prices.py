"""The best prices for some networks equal what a linear programme that is not ours finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import linprog

from dna_deploy.search.prices import Prices


@pytest.mark.parametrize("limits", [1, 2, 3, 5])
def test_prices_are_as_good_as_those_of_highs_after_every_line(limits: int) -> None:
    rng = np.random.default_rng(limits)
    for _ in range(20):
        unit, most = 10.0 ** rng.integers(0, 15), 10.0 ** rng.integers(-3, 3, limits)
        prices = Prices(most, unit)
        objectives, excesses = [], []
        for _ in range(12):
            objectives.append(unit * rng.uniform(1, 2))
            excesses.append(unit * rng.normal(0, 3, limits) / most)
            prices.add(objectives[-1], excesses[-1])
            found, ceiling = prices.best()
            expected = linprog(
                [0.0] * limits + [-1.0],
                A_ub=np.column_stack((-np.array(excesses) * most / unit, np.ones(len(objectives)))),
                b_ub=np.array(objectives) / unit,
                bounds=[(0, 1)] * limits + [(None, None)],
            )
            reached = min(o + float(e @ found) for o, e in zip(objectives, excesses, strict=True))
            assert ceiling / unit == pytest.approx(-expected.fun, rel=1e-8, abs=1e-8)
            assert reached / unit == pytest.approx(-expected.fun, rel=1e-8, abs=1e-8)
            assert (found >= 0).all()
            assert (found <= most).all()
