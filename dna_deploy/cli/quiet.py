"""``--quiet``: one flag that every command has, also those that are yet to be written."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dna_deploy.cli.console import be_quiet


class QuietableGroup(TyperGroup):
    """A group whose commands each take ``--quiet``: nothing but the result, on standard output, and errors."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.commands.values():
            command.params.append(_quiet_option())


def _hear(wanted: bool) -> None:
    if wanted:  # the flag of the whole tool may have been given before
        be_quiet(True)


_Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", callback=_hear, expose_value=False, help="Print only the result, and errors.")
]


def _nothing(quiet: _Quiet = False) -> None:
    """A command that lends its flag to the others."""


@cache
def _quiet_option() -> Any:
    lender = typer.Typer(add_completion=False)
    lender.command()(_nothing)
    return typer.main.get_command(lender).params[0]
