"""The picture of `rank-check --plot` shows the metric that the list names, in its unit."""

from __future__ import annotations

import numpy as np
import pytest

from dna_deploy.records.accuracy_list import KnownNetwork
from dna_deploy.records.score import ACCURACY, ScoreKind
from dna_deploy.report.rank_plot import rank_plot
from dna_deploy.report.render import drawn
from dna_deploy.report.theme import WIDE
from dna_deploy.spaces.catalog import find_chain

NETWORK = find_chain("fashion").parse("24:k3e1/40:k3e1/80:k3e1")


@pytest.mark.parametrize(
    ("kind", "label", "factor"),
    [(ACCURACY, "accuracy (%)", 100), (ScoreKind(name="mean absolute error", better="lower"), "mean absolute error", 1)],
)
def test_trainings_and_their_means_stand_at_the_metric_in_its_unit(kind: ScoreKind, label: str, factor: float) -> None:
    networks = [KnownNetwork(NETWORK, (0.5, 0.75), kind), KnownNetwork(NETWORK, (0.25, 0.25), kind)]
    (panel,) = drawn(rank_plot({"chance": [1.0, 2.0]}, networks), WIDE).axes
    dots, means = (np.asarray(drawing.get_offsets()).tolist() for drawing in panel.collections)
    assert panel.get_ylabel() == label
    assert dots == [[1, 0.5 * factor], [1, 0.75 * factor], [2, 0.25 * factor], [2, 0.25 * factor]]
    assert means == [[1, 0.625 * factor], [2, 0.25 * factor]]
