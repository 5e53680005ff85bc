"""What a rater says of whole networks: for a person, and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from dna_deploy.cli.console import aligned

if TYPE_CHECKING:
    from dna_deploy.records.score import Score
    from dna_deploy.spaces.architecture import Architecture


def scores_view(networks: Sequence[Architecture], scores: Sequence[Score]) -> str:
    """Networks with all that was said of them, the best first."""
    kinds = [scores[0].kind, *(score.kind for score in scores[0].further)]
    best_first = sorted(zip(networks, scores, strict=True), key=lambda pair: pair[1].cost)
    rows = [(network, str(score), *map(str, score.further)) for network, score in best_first]
    return aligned(rows, ("network, drawn at random", *(f"{kind.name} ({kind.better} is better)" for kind in kinds)))


def score_values(score: Score) -> dict[str, object]:
    """A score for JSON, each value under the name of its kind."""
    values: dict[str, object] = {}
    for each in (score, *score.further):
        values[each.kind.key] = each.value
        if each.standard_error is not None:
            values[f"{each.kind.key}_standard_error"] = each.standard_error
    return values
