"""A search outcome for a person: asked, predicted, the network, why each block, and the proof. 80 columns wide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from dna_deploy.cli.console import aligned
from dna_deploy.units import Bytes, Count, Duration

if TYPE_CHECKING:
    from dna_deploy.records.search_outcome import AskedConstraint, BlockReason, FoundNetwork, OnTarget, SearchOutcome

_MOST_LISTED = 10
_NETWORK_WIDTH, _RUNNER_UP_WIDTH = 66, 20


def search_view(outcome: SearchOutcome) -> str:
    """The whole outcome."""
    parts = [aligned(_summary(outcome)), _others(outcome), _blocks(outcome), _never(outcome), aligned(_closing(outcome))]
    return "\n\n".join(part for part in parts if part)


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


def wrapped(architecture: str, width: int) -> list[str]:
    """An architecture's line, broken behind its slashes and commas so that no part is wider, if that can be."""
    lines = [""]
    for part in re.split(r"(?<=[/,])", architecture):
        if lines[-1] and len(lines[-1]) + len(part) > width:
            lines.append("")
        lines[-1] += part
    return lines


def _summary(outcome: SearchOutcome) -> list[tuple[str, str]]:
    best = outcome.best
    demands = [_demand(demand) for demand in outcome.constraints] or [f"the smallest {outcome.objective}"]
    blocks = best.architecture.split("/")
    return [
        *_labelled("asked", demands),
        *_labelled("predicted", [_latency(place) for place in best.targets]),
        *_rating(outcome),
        ("size", _size(best)),
        *_labelled("network", [f"{block}/" for block in blocks[:-1]] + blocks[-1:]),
    ]


def _labelled(label: str, values: list[str]) -> list[tuple[str, str]]:
    return [(label if not index else "", value) for index, value in enumerate(values)]


def _demand(demand: AskedConstraint) -> str:
    bounds = (("at least", demand.at_least), ("at most", demand.at_most))
    words = [f"{word} {amount(demand.quantity, bound)}" for word, bound in bounds if bound is not None]
    has = "" if demand.quantity.startswith("latency") else f" (has {amount(demand.quantity, demand.found)})"
    return f"{demand.quantity} {' and '.join(words)}{has}"


def _latency(place: OnTarget) -> str:
    planned = f", planned with {Duration(place.planned_s)}" if place.planned_s != place.latency_s else ""
    return f"{Duration(place.latency_s)} {place.quantile} on {place.target}{planned}"


def _rating(outcome: SearchOutcome) -> list[tuple[str, str]]:
    best, optimum, axis = outcome.best, outcome.passed_over, outcome.front.axes[0]
    own = f"{best.rating:.5g} ± {best.rating_standard_error:.2g}"
    cheapest = amount(axis, outcome.ties[0].costs[0]) if outcome.ties else ""
    if optimum is not None:
        saved = 1 - outcome.ties[0].costs[0] / optimum.costs[0]
        return [
            ("rating", f"{own}, a tie: {best.rating - optimum.rating:.2g} behind the optimum"),
            ("preferred", f"for {cheapest}, {saved:.1%} less than the optimum; --optimum takes that"),
        ]
    tied = f"; {len(outcome.ties) - 1} cheaper tie with it, from {cheapest}" if outcome.ties else ""
    return [("rating", own + tied)]


def _size(network: FoundNetwork) -> str:
    weights = [f"{Bytes(place.weight_bytes)} of weights" for place in network.targets[:1]]
    return ", ".join([f"{Count(network.parameters)} parameters", f"{Count(network.macs)} MACs", *weights])


def _others(outcome: SearchOutcome) -> str:
    if not outcome.others:
        return ""
    shown = outcome.others[:_MOST_LISTED]
    rows = [(f"{network.rating:.5g}", "\n".join(wrapped(network.architecture, _NETWORK_WIDTH))) for network in shown]
    more = len(outcome.others) - len(shown)
    rest = [f"and {more} more: see --json"] if more else []
    return "\n".join(["best rated" if outcome.passed_over else "next best", aligned(rows), *rest])


def _blocks(outcome: SearchOutcome) -> str:
    if not outcome.blocks:
        return ""
    axis = outcome.front.axes[0]
    has_step = outcome.step is not None
    rows = [_block(reason, axis, has_step) for reason in outcome.blocks]
    table = aligned(rows, ("", axis.split()[0], "rating", "runner-up", "by", "", "gain" if has_step else ""))
    if outcome.step is None:
        return table
    return f"{table}\ngain: how much better the rating gets if that block alone may cost {amount(axis, outcome.step)} more"


def _block(reason: BlockReason, axis: str, has_step: bool) -> tuple[str, ...]:
    own = (str(reason.block + 1), "" if reason.cost is None else amount(axis, reason.cost), f"{reason.rating:.4g}")
    gain = (f"-{reason.gain_of_step:.2g}" if reason.gain_of_step else "nothing") if has_step else ""
    if reason.runner_up is None or reason.runner_up_rating is None:
        return (*own, "none fits", "", "", gain)
    cost = ""
    if reason.cost is not None and reason.runner_up_cost is not None:
        more = reason.runner_up_cost - reason.cost
        cost = ("+" if more >= 0 else "-") + amount(axis, abs(more))
    runner_up = "\n".join(wrapped(reason.runner_up, _RUNNER_UP_WIDTH))
    return (*own, runner_up, cost, f"{reason.runner_up_rating - reason.rating:+.2g}", gain)


def _never(outcome: SearchOutcome) -> str:
    """What need not be trained: candidates that no budget asks for."""
    if not outcome.blocks:
        return ""
    useful = " ".join(str(reason.useful) for reason in outcome.blocks)
    all_of_them = " ".join(str(reason.candidates) for reason in outcome.blocks)
    rows = [("candidates a block", all_of_them), ("of use at any budget", useful)]
    never = sum(len(reason.never) for reason in outcome.blocks)
    return aligned([*rows, ("layer choices of no use", f"{never}, listed by --json")] if never else rows)


def _closing(outcome: SearchOutcome) -> list[tuple[str, str]]:
    proof, front, rows = outcome.proof, outcome.front, []
    if outcome.largest is not None:
        places = ", ".join(f"{Duration(place.latency_s)} on {place.target}" for place in outcome.largest.targets)
        rows.append(("baseline", f"largest that fits: {Count(outcome.largest.macs)} MACs, rating {outcome.largest.rating:.5g}"))
        rows += [("", places)] if places else []
    if outcome.step is not None and outcome.gain_of_step is not None:
        step = amount(front.axes[0], outcome.step)
        rows.append(("price", f"{step} more, all blocks free: the best rating falls by {outcome.gain_of_step:.2g}"))
    exact = "exact" if not front.epsilon else f"costs within {front.epsilon:.2g} of exact"
    rows.append(("front", f"{len(front.points)} networks, {exact}"))
    of_what = "of the optimum, " if outcome.passed_over else ""
    gap = "nothing is proven" if proof.gap is None else f"gap {proof.gap:g} {of_what}over all {proof.networks:.3g} networks"
    rows.append(("proof", f"{gap}, from {proof.states:,} states"))
    if outcome.excluded:
        rows.append(("left out", f"{len(outcome.excluded)} layers without a latency, first: {outcome.excluded[0]}"))
    return rows
