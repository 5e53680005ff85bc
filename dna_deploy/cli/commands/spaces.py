"""``dna-deploy spaces``: which search spaces there are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.general import Json

if TYPE_CHECKING:
    from dna_deploy.spaces.space import SearchSpace


def spaces(json: Json = False) -> None:
    """List the search spaces: what can be chosen, and how many networks that makes.

    Example: dna-deploy spaces --json
    """
    from dna_deploy.spaces.catalog import find_space, space_names
    from dna_deploy.spaces.chain import with_usual_head

    rows = [_facts(with_usual_head(find_space(name))) for name in space_names()]
    if json:
        print_json("spaces", spaces=rows)
        return
    table = [
        (row["name"], row["input"], row["classes"] or "-", " ".join(map(str, row["candidates"])) or "-",
         "uncounted" if row["networks"] is None else f"{row['networks']:.3g}", row["layers"])
        for row in rows
    ]  # fmt: skip
    print_result(aligned(table, ("space", "input", "classes", "candidates", "networks", "layers")))
    note("candidates: of each block · other sizes: NAME@RESOLUTION · next: dna-deploy profile --space fashion")


def _facts(space: SearchSpace) -> dict[str, Any]:
    from dna_deploy.spaces.chain import HeadedSpace

    chain = space if isinstance(space, HeadedSpace) else None
    return {
        "name": space.name,
        "input": " ".join(map(str, space.inputs)),
        "classes": chain.out_channels if chain else None,
        "candidates": list(chain.index.counts) if chain else [],
        "networks": space.size(),
        "layers": len(space.rows()),
        "digest": space.digest,
    }
