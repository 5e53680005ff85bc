"""What search hands to training, export and report: the network, the front around it, the proof and the reasons."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from pydantic import Field

from dna_deploy.records.files import Migration, Part, Provenance, equal_to
from dna_deploy.records.latency_table import Quantile
from dna_deploy.records.space_record import HeadedRecord, with_head
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.target import Precision


class OnTarget(Part):
    """What a network is predicted to be on one target."""

    target: str
    quantile: Quantile
    latency_s: float
    planned_s: float = Field(description="the upper bound at the asked confidence; equals latency_s where none was asked")
    weight_bytes: int
    peak_memory_bytes: int
    batch: int = Field(1, ge=1, exclude_if=equal_to(1), description="images that the latency is for")
    precision: Precision = Field("fp32", exclude_if=equal_to("fp32"))


class FoundNetwork(Part):
    """A network with its numbers."""

    architecture: str
    rating: float
    rating_standard_error: float
    parameters: int
    deployed_parameters: int
    macs: int
    targets: tuple[OnTarget, ...]

    def amount(self, demand: AskedConstraint) -> float:
        """What the network has of a quantity that was bounded; what was said before where its own numbers do not tell."""
        places = [place for place in self.targets if demand.target in (None, place.target)]
        places = [place for place in places if demand.quantile in (None, place.quantile)]
        name = demand.quantity.partition(" ")[0].partition("@")[0]
        known = {"parameters": self.parameters, "macs": self.macs, "rating": self.rating}
        if name in known:
            return float(known[name])
        if not places:
            return demand.found
        place = places[0]
        of_place = {"latency": place.planned_s, "size": place.weight_bytes, "memory": place.peak_memory_bytes}
        return float(of_place.get(name, demand.found))


class AskedConstraint(Part):
    """A bound that was asked for, and what the network has. SI units: seconds, bytes, counts."""

    quantity: str
    target: str | None
    quantile: Quantile | None
    at_most: float | None
    at_least: float | None
    found: float


class FrontPoint(Part):
    """A network that no other beats in rating and in every axis at once."""

    architecture: str
    rating: float
    costs: tuple[float, ...] = Field(description="one number an axis, in SI units")


class Front(Part):
    """The trade-off, by ascending first cost. With ``epsilon`` 0 it is exact: no network of the space is missing."""

    axes: tuple[str, ...]
    points: tuple[FrontPoint, ...]
    epsilon: float = Field(
        ge=0,
        description="every network of the space has a point with no worse rating and costs at most 1 + epsilon times its own",
    )


class BlockReason(Part):
    """Why a block has its candidate: the runner-up and the price, with all other blocks as they are."""

    block: int
    choice: str
    rating: float
    cost: float | None = Field(description="its share of the first axis, in SI units; None where the axis is a maximum")
    runner_up: str | None
    runner_up_rating: float | None
    runner_up_cost: float | None
    gain_of_step: float = Field(description="how much better the rating gets if this block alone may cost one step more")
    candidates: int
    useful: int = Field(description="candidates that some budget can ask for; the others are dominated and need no training")
    never: tuple[str, ...] = Field(description="layers that only dominated candidates have")


class Proof(Part):
    """How completely the space was searched."""

    method: str
    gap: float | None = Field(
        description="how much better than the optimum the best possible rating may at most be; None where nothing is proven"
    )
    networks: int | None = Field(description="networks in the space; None where they cannot be counted")
    candidates: int | None = Field(description="candidates of all blocks; None of a space without blocks")
    states: int = Field(description="partial networks that were kept")
    expanded: int = Field(description="partial networks that were looked at")


class SearchOutcome(HeadedRecord):
    """The answer to a search."""

    KIND: ClassVar[str] = "search-outcome"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: with_head})

    provenance: Provenance
    ratings: str = Field(description="digest of the rating table, or the name of a black-box rating")
    tables: dict[str, str] = Field(description="target -> digest of its latency table")
    objective: str
    confidence: float | None
    constraints: tuple[AskedConstraint, ...]
    best: FoundNetwork
    others: tuple[FoundNetwork, ...] = Field(
        description="the next best, where more than one was asked for; the optimum first, where a cheaper one is preferred"
    )
    ties: tuple[FrontPoint, ...] = Field(
        description="networks of the front whose ratings cannot be told from the optimum's, cheapest first, the optimum last;"
        " empty where it stands alone. Unless the optimum itself was asked for, the cheapest is the answer"
    )
    largest: FoundNetwork | None = Field(description="the baseline: the network with most MACs within the same constraints")
    front: Front
    blocks: tuple[BlockReason, ...]
    step: float | None = Field(description="the step of the first axis that `BlockReason.gain_of_step` speaks of")
    gain_of_step: float | None = Field(description="how much better the best rating gets with one step more, all blocks free")
    excluded: tuple[str, ...] = Field(description="layers without a latency; networks with them were not considered")
    proof: Proof

    @property
    def shortlist(self) -> tuple[str, ...]:
        """The architectures of the answer and of the next best, each once: what a second stage compares."""
        return tuple(dict.fromkeys(network.architecture for network in (self.best, *self.others)))

    @property
    def passed_over(self) -> FrontPoint | None:
        """The proven optimum, where a cheaper network that ties with it is the answer."""
        return self.ties[-1] if self.ties and self.best.architecture == self.ties[0].architecture else None

    def network(self, space: SearchSpace) -> Architecture:
        """The answer as an architecture of its space; `TableError` if it is about another."""
        self.check_is_of(space, f"search it with: dna-deploy search --space {space.name}")
        return space.parse(self.best.architecture)
