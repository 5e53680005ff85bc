"""A search outcome for a person: asked, predicted, the network, why each block, and the proof. 80 columns wide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dna_deploy.cli.console import aligned
from dna_deploy.units import Bytes, Count, Duration

if TYPE_CHECKING:
    from dna_deploy.records.search_outcome import AskedConstraint, BlockReason, FoundNetwork, OnTarget, SearchOutcome


def search_view(outcome: SearchOutcome) -> str:
    """The whole outcome."""
    parts = [aligned(_summary(outcome)), _blocks(outcome), aligned(_closing(outcome))]
    if outcome.others:
        parts.insert(1, _others(outcome))
    return "\n\n".join(parts)


def _summary(outcome: SearchOutcome) -> list[tuple[str, str]]:
    best = outcome.best
    asked = [_demand(demand) for demand in outcome.constraints] or [f"the smallest {outcome.objective}"]
    rows = [*_labelled("asked", asked), *_labelled("predicted", [_latency(place) for place in best.targets])]
    rows.append(("rating", f"{best.rating:.5g} ± {best.rating_standard_error:.2g}"))
    rows.append(("size", _size(best)))
    blocks = best.architecture.split("/")
    return [*rows, *_labelled("network", [block + "/" for block in blocks[:-1]] + blocks[-1:])]


def _labelled(label: str, values: list[str]) -> list[tuple[str, str]]:
    return [(label if not index else "", value) for index, value in enumerate(values)]


def amount(quantity: str, value: float) -> str:
    """A value in the unit of its quantity, which its name begins with."""
    match quantity.partition("@")[0].split()[0]:
        case "latency":
            return str(Duration(value)) if value >= 0 else f"-{Duration(-value)}"
        case "size" | "memory":
            return str(Bytes(round(value)))
        case "parameters" | "macs":
            return str(Count(round(value)))
    return f"{value:.5g}"


def _demand(demand: AskedConstraint) -> str:
    bounds = (("at least", demand.at_least), ("at most", demand.at_most))
    words = [f"{word} {amount(demand.quantity, bound)}" for word, bound in bounds if bound is not None]
    return f"{demand.quantity} {' and '.join(words)} (has {amount(demand.quantity, demand.found)})"


def _latency(place: OnTarget) -> str:
    planned = f", planned with {Duration(place.planned_s)}" if place.planned_s != place.latency_s else ""
    return f"{Duration(place.latency_s)} {place.quantile} on {place.target}{planned}"


def _size(network: FoundNetwork) -> str:
    memory = [f"{Bytes(place.weight_bytes)} of weights" for place in network.targets[:1]]
    return ", ".join([f"{Count(network.parameters)} parameters", f"{Count(network.macs)} MACs", *memory])


def _others(outcome: SearchOutcome) -> str:
    lines = [f"{network.rating:.5g}  {network.architecture}" for network in outcome.others]
    return "\n".join(["next best:", *lines])


def _blocks(outcome: SearchOutcome) -> str:
    axis = outcome.front.axes[0]
    gain = "" if outcome.step is None else f"+{amount(axis, outcome.step)} buys"
    rows = [_block(reason, axis) for reason in outcome.blocks]
    table = aligned(rows, ("block", axis.partition("@")[0], "rating", "runner-up", "cost", "rating", gain))
    return table


def _block(reason: BlockReason, axis: str) -> tuple[str, ...]:
    def cost(value: float | None) -> str:
        return "" if value is None else amount(axis, value)

    own = (str(reason.block + 1), cost(reason.cost), f"{reason.rating:.4g}")
    gain = f"-{reason.gain_of_step:.2g}" if reason.gain_of_step else "nothing"
    if reason.runner_up is None or reason.runner_up_rating is None:
        return (*own, "none", "", "", gain)
    return (*own, reason.runner_up, cost(reason.runner_up_cost), f"{reason.runner_up_rating:.4g}", gain)


def _closing(outcome: SearchOutcome) -> list[tuple[str, str]]:
    proof, rows = outcome.proof, []
    if outcome.largest is not None:
        places = ", ".join(f"{Duration(place.latency_s)} on {place.target}" for place in outcome.largest.targets)
        rows.append(
            (
                "baseline",
                f"the largest that fits: {Count(outcome.largest.macs)} MACs, rating {outcome.largest.rating:.5g}, {places}",
            )
        )
    rows.append(
        (
            "front", f"{len(outcome.front.points)} networks, {'exact' if not outcome.front.epsilon else f'within {outcome.front.epsilon:.1%}'}",
        )
    )
    rows.append(("proof", f"gap {proof.gap:g} over all {proof.networks:.3g} networks, from {proof.states:,} states"))
    return rows
