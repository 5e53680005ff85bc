"""Other machines that a command measures on, through ssh."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar

import typer

if TYPE_CHECKING:
    from dna_deploy.latency.remote import Remote


@dataclass(frozen=True)
class Devices:
    """A fleet: named one by one, or in a file."""

    PANEL: ClassVar = "Other machines"

    on: Annotated[list[str] | None, typer.Option("--on", help="ssh://user@host; may be repeated.", metavar="ADDRESS")] = None
    fleet: Annotated[Path | None, typer.Option(help='A file that lists them: devices = ["ssh://pi-1", ...].')] = None
    remote_command: Annotated[str, typer.Option(help="What dna-deploy is called on the other machine.")] = "dna-deploy"

    def read(self) -> tuple[Remote, ...]:
        """The devices; none where none is named."""
        from dna_deploy.latency.fleet import devices_of, read_fleet

        listed = read_fleet(self.fleet, self.remote_command) if self.fleet else ()
        return (*listed, *devices_of(self.on or (), self.remote_command))
