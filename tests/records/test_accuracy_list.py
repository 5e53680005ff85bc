"""Networks of known accuracy, or of another metric that the head of the list names with its direction."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.records.accuracy_list import read_accuracies
from dna_deploy.records.score import ACCURACY
from tests.spaces.chains import FASHION

LINES = ("24:k3e1/40:k3e1/80:k3e1,0.5,0.7", "24:p1/32:p1,p1/80:p1,0.2,0.3")


@pytest.mark.parametrize("head", ["", "architecture,accuracy,accuracy\n"])
def test_a_list_without_another_metric_holds_accuracies(tmp_path: Path, head: str) -> None:
    (tmp_path / "known.csv").write_text(head + "\n".join(LINES))
    networks = read_accuracies(tmp_path / "known.csv", FASHION)
    assert [network.kind for network in networks] == [ACCURACY, ACCURACY]
    assert [network.merit for network in networks] == pytest.approx([0.6, 0.25])


def test_a_list_of_two_metrics_is_refused(tmp_path: Path) -> None:
    lists = (f"architecture,accuracy\n{LINES[0]}", f"architecture,loss (lower is better)\n{LINES[1]}")
    (tmp_path / "known.csv").write_text("\n".join(lists))
    with pytest.raises(UsageError, match="different metrics"):
        read_accuracies(tmp_path / "known.csv", FASHION)


def test_where_lower_is_better_the_lower_network_has_more_merit(tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text("architecture,mean absolute error (lower is better)\n" + "\n".join(LINES))
    worse, better = read_accuracies(tmp_path / "known.csv", FASHION)
    assert (worse.kind.name, worse.kind.better) == ("mean absolute error", "lower")
    assert better.merit > worse.merit == pytest.approx(-0.6)


def test_an_architecture_that_cannot_be_read_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "known.csv").write_text("24:k3e1/40:k3e1/80:k3e1,0.9\n24:k9e1/40:k3e1/80:k3e1,0.9\n")
    with pytest.raises(UsageError, match=r"known\.csv, line 2: .*k9e1"):
        read_accuracies(tmp_path / "known.csv", FASHION)
