"""Flags of groups: ``--quiet``, which every command has, and those that stand where a subcommand does not see them."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from dna_deploy.cli.console import be_quiet
from dna_deploy.errors import UsageError


class QuietableGroup(TyperGroup):
    """A group whose commands each take ``--quiet``: nothing but the result, on standard output, and errors."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        for command in self.commands.values():
            command.params.append(_quiet_option())


def refuse_flags_before(context: typer.Context, subcommand: str) -> None:
    """Raises `UsageError` for a flag of a group that nobody would hear of before ``subcommand``."""
    for parameter in context.command.params:
        source = context.get_parameter_source(parameter.name or "")
        if parameter.expose_value and source is not None and source.name == "COMMANDLINE":
            raise UsageError(f"{parameter.opts[0]} stands before {subcommand!r}, which does not see it", "write it behind")


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
