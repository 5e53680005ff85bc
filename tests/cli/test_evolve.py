"""``dna-deploy evolve``: what it shows of a lineage."""

from __future__ import annotations

from dna_deploy.cli.commands.evolve import lineage_view
from dna_deploy.records.lineage import Lineage
from dna_deploy.records.model_card import Absent
from dna_deploy.records.score import ACCURACY, share
from tests.records.collect_samples import SAMPLES

LINEAGE = Lineage.read(SAMPLES / "v1" / "lineage.json")


def test_every_round_is_a_row_with_its_accuracies_and_gains() -> None:
    shown = lineage_view(LINEAGE)
    first = LINEAGE.rounds[0]
    assert first.winner.architecture in shown
    assert f"{first.winner.validation.value:.2%}" in shown
    assert not isinstance(first.heir, Absent)
    assert f"{first.heir.growth:.1f} times the winner" in shown
    assert f"stopped after round 2: {LINEAGE.stopped}" in " ".join(shown.split())
    assert max(map(len, shown.splitlines())) <= 80


def test_the_best_round_is_the_one_of_the_most_accurate_winner() -> None:
    first, second = LINEAGE.rounds
    better = second.winner.model_copy(update={"validation": share(ACCURACY, 32, 32)})
    worse = second.winner.model_copy(update={"validation": share(ACCURACY, 0, 32)})
    for winner, best in (
        (better, 2),
        (worse, 1),
        (second.winner.model_copy(update={"validation": first.winner.validation}), 1),
    ):
        rounds = (first, second.model_copy(update={"winner": winner}))
        assert LINEAGE.model_copy(update={"rounds": rounds}).best.number == best
