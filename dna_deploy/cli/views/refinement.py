"""A shortlist after its second stage, for a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.cli.console import aligned

if TYPE_CHECKING:
    from dna_deploy.records.refinement import Refinement
    from dna_deploy.records.search_outcome import SearchOutcome

SHOWN = 10


def refinement_view(refinement: Refinement, before: SearchOutcome) -> str:
    """The head of the refined shortlist, and what the second stage changed."""
    from dna_deploy.units import Count

    first = before.best.architecture
    place = [network.architecture for network in refinement.networks].index(first) + 1
    rows: list[tuple[object, ...]] = [
        (
            number,
            network.architecture,
            f"{network.divergence:.3f} ± {network.standard_error:.3f}",
            "" if network.known is None else f"{network.known:.1%}",
            "" if network.agreement is None else f"{network.agreement:.1%}",
            f"{network.rating:.4f}",
            Count(network.parameters),
            f"{network.mean_rank:.1f}",
            "" if network.accuracy is None else f"{network.accuracy:.1%}",
        )
        for number, network in enumerate(refinement.networks[:SHOWN], 1)
    ]
    headers: tuple[str, ...] = (
        "",
        "network",
        "divergence",
        "knows",
        "agrees",
        "block sum",
        "parameters",
        "mean rank",
        "stitched accuracy",
    )
    shown = [column for column in range(len(headers)) if any(row[column] for row in rows)]
    rows, headers = [tuple(row[column] for column in shown) for row in rows], tuple(headers[column] for column in shown)
    change = "the best stays the best" if place == 1 else f"a new best; the block sum's best is now number {place}"
    rated_on = f"{refinement.images} images" + (f" by {refinement.sets} sets of supernets" if refinement.sets > 1 else "")
    return f"{aligned(rows, headers)}\n\n{len(refinement.networks)} networks on {rated_on}: {change}"
