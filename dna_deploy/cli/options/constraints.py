"""What a network has to keep."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

if TYPE_CHECKING:
    from dna_deploy.records.latency_table import Quantile
    from dna_deploy.search import Constraint


@dataclass(frozen=True)
class Constraints:
    """Bounds as a user writes them, each of which may be given several times."""

    PANEL: ClassVar = "Constraints"

    latency: Annotated[
        list[str] | None,
        typer.Option(help="Latency: 20ms, 20ms@TARGET, 20ms@TARGET:p90, or 5ms..20ms; may be repeated.", metavar="BOUND"),
    ] = None
    parameters: Annotated[list[str] | None, typer.Option(help="Trainable parameters: 5.3M.", metavar="BOUND")] = None
    macs: Annotated[list[str] | None, typer.Option(help="Multiply-accumulates an image: 400M.", metavar="BOUND")] = None
    size: Annotated[list[str] | None, typer.Option(help="Bytes of weights, such as 12MiB.", metavar="BOUND")] = None
    memory: Annotated[list[str] | None, typer.Option(help="Peak bytes of activations: 4MiB.", metavar="BOUND")] = None
    confidence: Annotated[str | None, typer.Option(help="Plan with upper bounds of latencies at this confidence: 95%.")] = None

    def read(self, quantile: Quantile) -> list[Constraint]:
        """Every bound, the latencies first; a latency without a quantile of its own speaks of ``quantile``."""
        from dna_deploy.search import Constraint

        bounds = {field.name: getattr(self, field.name) or () for field in fields(self) if field.name != "confidence"}
        return [Constraint.parse(name, text, quantile) for name, texts in bounds.items() for text in texts]

    @property
    def confidence_level(self) -> float | None:
        """The confidence as a share."""
        return None if self.confidence is None else read_share(self.confidence)


def read_share(text: str) -> float:
    """A share such as ``95%`` or ``0.95``."""
    from dna_deploy.errors import UsageError

    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError as error:
        raise UsageError(f"{text!r} is not a share", "write it like 95%") from error
