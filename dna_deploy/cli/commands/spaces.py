"""``dna-deploy spaces``: which search spaces there are."""

from __future__ import annotations

from typing import Annotated

import typer

from dna_deploy.cli.console import aligned, note, print_json, print_result


def spaces(json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False) -> None:
    """List the search spaces: what can be chosen, and how many networks that makes.

    Example: dna-deploy spaces --json
    """
    from dna_deploy.spaces.catalog import find_space, space_names

    found = [find_space(name).with_head() for name in space_names()]
    if json:
        rows = [
            {
                "name": space.name,
                "input": str(space.input),
                "classes": space.out_channels,
                "candidates": list(space.index.counts),
                "networks": space.count(),
                "layers": len(space.rows()),
                "digest": space.digest,
            }
            for space in found
        ]
        print_json("spaces", spaces=rows)
        return
    table = [
        (space.name, space.input, space.out_channels, " ".join(map(str, space.index.counts)), f"{space.count():.3g}",
         len(space.rows()))
        for space in found
    ]  # fmt: skip
    print_result(aligned(table, ("space", "input", "classes", "candidates a block", "networks", "layers")))
    note("other sizes: NAME@RESOLUTION, such as mbconv@128 · next: dna-deploy profile --space fashion")
