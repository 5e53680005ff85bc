"""The methods of ``dna-deploy rate`` that need no teacher, and what is checked before any method runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest

if TYPE_CHECKING:
    from dna_deploy.data.splits import ImageData
    from dna_deploy.learning.compute import Compute
    from dna_deploy.progress import OnProgress
    from dna_deploy.records.files import Part
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.spaces.chain import ChainSpace

    ConfigT = TypeVar("ConfigT", bound=Part)

METHODS = ("dna", "dna++", "one-shot")


def check_method(method: str, *, has_teacher: bool, supernets: int) -> None:
    """Raises `UsageError` for an unknown method, or for a teacher or sets of supernets that the method has no use for."""
    if method not in METHODS:
        raise UsageError(f"unknown method {method!r}", suggest(method, METHODS))
    if method != "dna" and has_teacher:
        raise UsageError(f"--method {method} has no teacher", "leave out --teacher and its settings, or take --method dna")
    if method != "dna" and supernets > 1:
        raise UsageError(f"--method {method} trains one supernet, not {supernets}", "leave out --supernets")


def rate_without_labels(
    space: ChainSpace, data: ImageData, asked: Mapping[str, object], folder: Path, compute: Compute, on_progress: OnProgress
) -> tuple[RatingTable, Path]:
    """The ratings of DNA++, and the folder below ``folder`` that keeps its population."""
    from dna_deploy.rating.raters.dna_pp.population import PopulationConfig, population_work
    from dna_deploy.rating.raters.dna_pp.rating import rate_population

    config = parse_config(PopulationConfig, **asked)
    place = folder / f"population-{population_work(space, data, config, folder, compute).short_name}"
    return rate_population(space, data, config, place, on_progress=on_progress, compute=compute), place


def parse_config(kind: type[ConfigT], **values: object) -> ConfigT:
    """The configuration of a method from its flags.

    Raises:
        UsageError: a value that cannot be; the flag is named.
    """
    from pydantic import ValidationError

    try:
        return kind.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        name = str(first["loc"][0]).replace("_", "-")
        raise UsageError(f"--{name} {first['input']!r}: {first['msg']}", "see: dna-deploy rate --help") from error
