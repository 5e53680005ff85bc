"""How tests call a command, and the files that they call it with."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.errors import DnaDeployError
from dna_deploy.records.files import Provenance
from dna_deploy.records.rating_table import BlockRatings, CellRatings, RatingTable
from dna_deploy.spaces.catalog import find_chain

LINES = ("24:k3e1/40:k3e1/80:k3e1", "24:k3e3/40:k5e3,p1/80:k3e3", "24:k5e6/40:k5e6/80:k5e6,k7e6", "24:p1/32:p1,p1/80:p1",
         "24:k7e6,k7e6/40:k7e6/80:k7e6", "24:p1/40:k3e3/80:p1")  # fmt: skip


def run(*arguments: str) -> str:
    """What a command prints on standard output."""
    result = CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def fails(*arguments: str) -> DnaDeployError:
    """The expected failure of a command."""
    with pytest.raises(DnaDeployError) as caught:
        CliRunner().invoke(app, list(arguments), catch_exceptions=False)
    return caught.value


def write_ratings(path: Path) -> None:
    """A table in which every candidate's rating falls with its parameters."""
    space = find_chain("fashion").with_head()
    blocks = []
    for index, block in enumerate(space.blocks):
        cells = []
        for cell in block.cells:
            placed = [space.index.place(index, choice, space.index.inputs[index][0]) for choice in cell.candidates()]
            ratings = tuple(-1e-6 * sum(layer.parameters for layer in layers) for layers in placed)
            cells.append(
                CellRatings(width=cell.width, depth=cell.depth, ratings=ratings, standard_errors=(0.0,) * len(ratings))
            )
        blocks.append(BlockRatings(cells=tuple(cells)))
    RatingTable(
        provenance=Provenance.now(), space=space.name, space_digest=space.digest, method="test", teacher="none",
        dataset="none", images=1, blocks=tuple(blocks),
    ).write(path)  # fmt: skip
