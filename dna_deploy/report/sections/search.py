"""What the search asked, found and proved, and why each block has its candidate."""

from __future__ import annotations

from collections.abc import Iterator

from dna_deploy.records.search_outcome import AskedConstraint, FoundNetwork, SearchOutcome
from dna_deploy.report.content import Facts, Missing, Piece, Section, Table
from dna_deploy.report.evidence import Evidence
from dna_deploy.report.merit import Merit
from dna_deploy.report.numbers import NOTHING, TimeScale, count_text, time_text
from dna_deploy.units import Bytes, Count

_MOST_SHOWN = 8
"""Rows of a list that stands open."""

TITLE = "What the search found"
_IS_TIME, _ARE_BYTES = ("latency",), ("size", "memory")


def search_section(evidence: Evidence) -> Section:
    """The outcome of the search, or how to search."""
    outcome = evidence.outcome
    if outcome is None:
        missing = Missing("There is no search outcome.", "dna-deploy search --latency 20ms -o outcome.json")
        return Section("search", TITLE, "", (missing,))
    merit = evidence.merit
    what = "network with" if outcome.passed_over is None else "cheapest network that ties with"
    best = f"smallest {outcome.objective}"
    if merit.is_prediction and outcome.objective == "rating":
        best = f"{'highest' if merit.kind.better == 'higher' else 'lowest'} {merit.kind.name}"
    lead = f"The {what} the {best} that meets every constraint. {_proven(outcome)}"
    return Section("search", TITLE, lead, tuple(_pieces(outcome, merit)))


def _proven(outcome: SearchOutcome) -> str:
    proof = outcome.proof
    networks = f"{count_text(proof.networks)} networks of the space" if proof.networks else "networks that can be drawn"
    if proof.gap is None:
        return f"That is the best of what was tried among the {networks}; nothing is proven ({proof.method})."
    best = " than the optimum" if outcome.passed_over else ""
    better = f"No network is better{best}" if proof.gap == 0 else f"No network can be better by more than {proof.gap:.3g}"
    return f"{better}: proven for all {networks} by {count_text(proof.states)} partial ones ({proof.method})."


def quantity_text(quantity: str, value: float) -> str:
    """A number of some quantity of the search, with its unit."""
    if quantity.startswith(_IS_TIME):
        return time_text(value)
    if quantity.startswith(_ARE_BYTES):
        return str(Bytes(round(value)))
    return f"{value:.5g}" if quantity == "rating" else str(Count(round(value)))


def _pieces(outcome: SearchOutcome, merit: Merit) -> Iterator[Piece]:
    yield Facts("The answer", tuple(_answer(outcome.best, merit)))
    if outcome.constraints:
        rows = tuple(
            (demand.quantity, _bounds(demand), quantity_text(demand.quantity, demand.found)) for demand in outcome.constraints
        )
        yield Table("What was asked, and what the answer has of it", ("quantity", "asked", "answer"), rows, frozenset({1, 2}))
    if outcome.blocks:
        yield _reasons(outcome, merit)
    yield from _ties(outcome, merit)
    yield from _beside(outcome, merit)
    yield from _never(outcome)
    if outcome.excluded:
        layers = tuple((layer,) for layer in outcome.excluded)
        yield Table("Layers without a latency: networks with them were not considered", ("layer",), layers, is_folded=True)


def _answer(best: FoundNetwork, merit: Merit) -> Iterator[tuple[str, str]]:
    yield "architecture", best.architecture
    yield merit.kind.name, merit.with_spread(best.rating, best.rating_standard_error)
    for place in best.targets:
        planned = "" if place.planned_s == place.latency_s else f", planned with {time_text(place.planned_s)}"
        yield f"latency {place.quantile} on {place.target}", f"{time_text(place.latency_s)}{planned}"
    yield "parameters", f"{Count(best.parameters)} trained, {Count(best.deployed_parameters)} deployed"
    yield "multiply-accumulates", str(Count(best.macs))


def _bounds(demand: AskedConstraint) -> str:
    bounds = [f"at least {quantity_text(demand.quantity, demand.at_least)}"] if demand.at_least is not None else []
    bounds += [f"at most {quantity_text(demand.quantity, demand.at_most)}"] if demand.at_most is not None else []
    return " and ".join(bounds)


def _reasons(outcome: SearchOutcome, merit: Merit) -> Table:
    axis = outcome.front.axes[0] if outcome.front.axes else "cost"
    digits = merit.decimals(
        value for reason in outcome.blocks for value in (reason.rating, reason.runner_up_rating or reason.rating)
    )
    rating = "wrong answers (%)" if merit.kind.origin else merit.kind.name
    step = "" if outcome.step is None else f"{quantity_text(axis, outcome.step)} more buys{' (points)' if merit.points else ''}"
    costs = TimeScale.of([reason.cost for reason in outcome.blocks if reason.cost is not None])
    unit = f" ({costs.unit})" if axis.startswith(_IS_TIME) else ""

    def cost(value: float | None) -> str:
        return NOTHING if value is None else costs.bare(value) if unit else quantity_text(axis, value)

    rows = tuple(
        (str(reason.block + 1), reason.choice, f"{reason.rating:.{digits}f}", cost(reason.cost),
         reason.runner_up or "none fits",
         NOTHING if reason.runner_up_rating is None else f"{reason.runner_up_rating:.{digits}f}", cost(reason.runner_up_cost),
         *([f"{reason.gain_of_step:.{digits}f}"] if step else []))
        for reason in outcome.blocks
    )  # fmt: skip
    headers = (
        "block",
        "chosen",
        rating,
        f"cost{unit}",
        "runner-up",
        f"its {rating}",
        f"its cost{unit}",
        *([step] if step else []),
    )
    return Table("Why each block has its candidate, all others as they are", headers, rows, frozenset({0, 2, 3, 5, 6, 7}))


def _ties(outcome: SearchOutcome, merit: Merit) -> Iterator[Piece]:
    if outcome.ties:
        axis = outcome.front.axes[0]
        rows = tuple((quantity_text(axis, tie.costs[0]), merit.text(tie.rating), tie.architecture) for tie in outcome.ties)
        caption = f"Networks whose {merit.kind.name} cannot be told from the optimum's, which is the last; cheapest first"
        headers = (axis.partition(" ")[0], merit.kind.name, "architecture")
        yield Table(caption, headers, rows, frozenset({0, 1}), is_folded=len(rows) > 8)


def _never(outcome: SearchOutcome) -> Iterator[Piece]:
    """What need not be trained or measured again, because no budget asks for it."""
    rows = tuple(
        (str(reason.block + 1), f"{reason.useful:,} of {reason.candidates:,}", ", ".join(reason.never) or "none")
        for reason in outcome.blocks
    )
    if rows:
        headers = ("block", "candidates that some budget asks for", "layers that no budget asks for")
        yield Table("What could be left out of the space", headers, rows, frozenset({0, 1}), is_folded=True)


def _beside(outcome: SearchOutcome, merit: Merit) -> Iterator[Table]:
    largest = [("most MACs that fit", outcome.largest)] if outcome.largest else []
    rows = [*largest, *((f"place {place}", other) for place, other in enumerate(outcome.others, start=2))]
    if rows:
        ratings = [network.rating for network in (outcome.best, *outcome.others)]
        is_anew = sorted(ratings) not in (ratings, ratings[::-1]) and not outcome.ties
        ranks = f": places are ranks of the second stage, of whole networks; the {merit.kind.name} is of block sums alone"
        how = ranks if is_anew else f", by their {merit.kind.name}"
        headers = ("rank as a whole network" if is_anew else "network", merit.kind.name, "latency", "parameters", "MACs",
                   "architecture")  # fmt: skip
        cells = tuple((name, *_numbers(network, merit)) for name, network in (("the answer", outcome.best), *rows))
        caption = f"Other networks within the constraints{how}"
        yield Table(caption, headers, cells, frozenset({1, 2, 3, 4}), is_folded=len(cells) > _MOST_SHOWN)


def _numbers(network: FoundNetwork, merit: Merit) -> tuple[str, ...]:
    latency = time_text(network.targets[0].latency_s) if network.targets else NOTHING
    return merit.text(network.rating), latency, str(Count(network.parameters)), str(Count(network.macs)), network.architecture
