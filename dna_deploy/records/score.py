"""What a rater says of a whole network: a value, how sure it is, and what kind of value it is."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field

from dna_deploy.records.files import Part

Better: TypeAlias = Literal["lower", "higher"]


class ScoreKind(Part):
    """What scores of a kind have in common, so that whoever shows or compares them need not know who gave them."""

    name: str = Field(description="as a table heads it, such as 'accuracy with shared weights'")
    better: Better
    unit: str = Field("", description="'%' for a share, whose value is from 0 to 1; else such as 'nats'")
    decimals: int = Field(3, ge=0)

    @property
    def key(self) -> str:
        """The name as a key of JSON."""
        return self.name.replace(",", "").replace(" ", "_")

    def shown(self, value: float) -> str:
        """A value, or a standard error, as a table shows it."""
        return f"{value:.{self.decimals}%}" if self.unit == "%" else f"{value:.{self.decimals}f}"


class Score(Part):
    """How good a network is to a rater. ``further`` is what else it says of the same network."""

    value: float
    standard_error: float | None = Field(None, ge=0, description="over images; None where a rater cannot tell")
    kind: ScoreKind
    further: tuple[Score, ...] = ()

    @property
    def cost(self) -> float:
        """What a search makes small: the value, or what it lacks where more is better."""
        if self.kind.better == "lower":
            return self.value
        return 1 - self.value if self.kind.unit == "%" else -self.value

    def __str__(self) -> str:
        error = "" if self.standard_error is None else f" ± {self.kind.shown(self.standard_error)}"
        return f"{self.kind.shown(self.value)}{error}"
