"""The tables that a search reads: latencies of layers, and ratings of candidates."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

if TYPE_CHECKING:
    from dna_deploy.records.latency_table import LatencyTable
    from dna_deploy.records.rating_table import RatingTable
    from dna_deploy.spaces.chain import HeadedSpace
    from dna_deploy.spaces.space import SearchSpace

_PANEL = "Tables"


@dataclass(frozen=True)
class LatencyTables:
    """Latency tables: those that are named, else those of the space here or in the project's run."""

    PANEL: ClassVar = _PANEL

    table: Annotated[
        list[Path] | None, typer.Option(help="A latency table, or several; default: latency_tables/SPACE.*.json.")
    ] = None

    def read(self, space: str) -> tuple[SearchSpace, list[LatencyTable]]:
        """The space with the head that its tables were made for, its usual one without a table, and these."""
        from dna_deploy.records.latency_table import LatencyTable
        from dna_deploy.spaces.catalog import find_space
        from dna_deploy.spaces.chain import with_usual_head

        named = find_space(space)
        tables = [LatencyTable.read(path) for path in self.table or files_of_project(f"latency_tables/{named.name}.*.json")]
        of_space = next((table for table in tables if table.space == named.name), None)
        return (with_usual_head(named) if of_space is None else of_space.find_networks()), tables

    def read_chain(self, space: str) -> tuple[HeadedSpace, list[LatencyTable]]:
        """The same, of a space whose blocks are rated."""
        from dna_deploy.spaces.chain import as_headed

        named, tables = self.read(space)
        return as_headed(named), tables


@dataclass(frozen=True)
class Ratings:
    """A rating table: the one that is named, else that of the space here or in the project's run."""

    PANEL: ClassVar = _PANEL

    ratings: Annotated[Path | None, typer.Option(help="The rating table; default: ratings/SPACE.json.")] = None

    def path(self, space: str) -> Path:
        """Where it lies.

        Raises:
            TableError: nowhere.
        """
        from dna_deploy.errors import TableError

        usual = f"ratings/{space}.json"
        places = [self.ratings] if self.ratings else files_of_project(usual)
        if not places or not places[0].exists():
            raise TableError(
                f"there is no rating table {self.ratings or usual}", f"make one with: dna-deploy rate --space {space}"
            )
        return places[0]

    def read(self, space: str) -> RatingTable:
        """The table."""
        from dna_deploy.records.rating_table import RatingTable

        return RatingTable.read(self.path(space))


def files_of_project(pattern: str) -> list[Path]:
    """The files of a pattern in this folder; if there are none, in the run folder that the settings file here names."""
    from dna_deploy.pipeline.settings_file import FILE_NAME, read_settings

    here = sorted(Path().glob(pattern))
    if here or not Path(FILE_NAME).exists():
        return here
    return sorted(Path(read_settings().folder).glob(pattern))
