"""The settings of a rater from the flags of ``dna-deploy rate``, and what is shown of a rater that gives no table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

from dna_deploy.cli.console import aligned
from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest

if TYPE_CHECKING:
    from dna_deploy.records.files import Part
    from dna_deploy.records.score import Score
    from dna_deploy.spaces.architecture import Architecture

    ConfigT = TypeVar("ConfigT", bound=Part)


def parse_config(kind: type[ConfigT], values: Mapping[str, object], owner: str = "") -> ConfigT:
    """A configuration from flags; those that are None are left out.

    Args:
        kind: the configuration.
        values: of flags, by the names of its fields.
        owner: whose settings these are, for errors.

    Raises:
        UsageError: a flag that it has not, or a value that cannot be; the flag is named.
    """
    from pydantic import ValidationError

    try:
        return kind.model_validate({key: value for key, value in values.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        flag = ".".join(map(str, first["loc"])).replace("_", "-")
        if first["type"] == "extra_forbidden":
            flags = tuple(name.replace("_", "-") for name in kind.model_fields)
            raise UsageError(f"{owner} has no setting --{flag}", suggest(flag, flags)) from error
        raise UsageError(f"--{flag} {first['input']!r}: {first['msg']}", "see: dna-deploy rate --help") from error


def further_settings(arguments: Sequence[str]) -> dict[str, object]:
    """The flags that only some raters have, ``--name value`` or ``--name=value``, by the names of their fields.

    Raises:
        UsageError: an argument that is no such flag, or a flag without a value.
    """
    values: dict[str, object] = {}
    rest = list(arguments)
    while rest:
        flag, joined, value = rest.pop(0).partition("=")
        if not flag.startswith("--"):
            raise UsageError(f"what is {flag!r}?", "settings of a method are written like --draws 2")
        if not joined:
            if not rest:
                raise UsageError(f"{flag} has no value", f"write it like {flag} 2")
            value = rest.pop(0)
        *above, key = flag.removeprefix("--").replace("-", "_").split(".")
        table = values
        for name in above:
            table = table.setdefault(name, {})  # type: ignore[assignment]
        table[key] = value
    return values


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
