"""The command ``dna-deploy``: gathers the commands and turns expected failures into one line and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Callable
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import typer

from dna_deploy import __version__
from dna_deploy.cli.commands import (
    calibrate,
    evolve,
    export,
    fit,
    front,
    kit,
    portfolio,
    profile,
    rank_check,
    rate,
    refine,
    report,
    run,
    search,
    shelf,
    shrink,
    spaces,
    tables,
    targets,
    teachers,
    train,
    units,
    verify,
)
from dna_deploy.cli.console import be_quiet, complain
from dna_deploy.cli.options.groups import FURTHER, spread
from dna_deploy.cli.quiet import QuietableGroup
from dna_deploy.errors import DependencyError, DnaDeployError, OutOfMemoryError, UsageError
from dna_deploy.plugins import EXTRAS, install_hint

app = typer.Typer(
    name="dna-deploy",
    cls=QuietableGroup,
    help="The most accurate network that runs within a latency budget on your device.",
    epilog="Start with: dna-deploy demo  ·  or in your own project: dna-deploy init",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
_COMMANDS: dict[str, typer.Typer | Callable[..., None]] = {
    "init": run.init, "run": run.run, "demo": run.demo, "report": report.report, "spaces": spaces.spaces,
    "teachers": teachers.teachers, "rate": rate.rate, "shrink": shrink.shrink, "grow": shrink.shrink,
    "calibrate": calibrate.calibrate, "evolve": evolve.evolve,
    "search": search.app, "front": front.front, "portfolio": portfolio.portfolio, "refine": refine.refine,
    "rank-check": rank_check.rank_check, "train": train.train, "profile": profile.profile, "kit": kit.kit,
    "targets": targets.targets, "tables": tables.app, "export": export.export, "verify": verify.verify,
    "units": units.units, "fit": fit.fit, "shelf": shelf.shelf,
}  # fmt: skip
for _name, _command in _COMMANDS.items():
    if isinstance(_command, typer.Typer):
        app.add_typer(_command, name=_name)
    else:
        app.command(_name, context_settings=FURTHER if _command in (rate.rate, shrink.shrink) else None)(spread(_command))


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"dna-deploy {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print only results and errors; every command takes it, too."),
) -> None:
    be_quiet(quiet)


_INTERRUPTED = 130
_REFUSED: type[Exception] = next(kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException")
"""Arguments that typer refuses, whose own box of several lines says less than a line and a hint."""

_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""What libraries meet where nothing of ours writes; all the rest would be our mistake."""


def _prepare_streams() -> None:
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # closed, as by >&-
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process lives
        elif isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that lacks a sign shows another, and nothing is lost


def main() -> None:
    """Runs the command line and exits with the codes of `dna_deploy.errors`."""
    _prepare_streams()
    try:
        code = app(prog_name="dna-deploy", standalone_mode=False)
    except _REFUSED as error:
        sys.exit(_refuse(error))
    except DnaDeployError as error:
        sys.exit(_explain(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        sys.exit(
            _explain(DependencyError(f"this needs the package {package!r}, which is not installed", install_hint(package)))
        )
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)
    except MemoryError:
        sys.exit(
            _explain(OutOfMemoryError("there is not enough memory", "take fewer or smaller images at once, such as --batch 4"))
        )
    except OSError as error:
        if error.errno not in _NO_ROOM and "temporary directory" not in str(error):
            raise
        place, words = error.filename or "a file", error.strerror or error
        sys.exit(_explain(UsageError(f"cannot write {place}: {words}", "free some space, or name another folder with TMPDIR")))

    if code == _INTERRUPTED:
        complain("interrupted; what is finished is kept, the same command goes on")
    sys.exit(code if isinstance(code, int) else 0)


def _refuse(error: Any) -> int:
    """Says what typer refuses in a line and a hint, or shows the help where nothing was asked for."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return int(error.exit_code)
    context = getattr(error, "ctx", None)
    help_page = f"see: {context.command_path if context else 'dna-deploy'} --help"
    if (flag := getattr(error, "option_name", None)) and context:
        known = [name for parameter in context.command.params for name in (*parameter.opts, *parameter.secondary_opts)]
        near = get_close_matches(flag, known, 1, 0.75)
        return _explain(UsageError(f"there is no flag {flag} here", f"did you mean {near[0]}?" if near else help_page))
    message, _, meant = error.format_message().partition(". Did you mean ")
    line = message[:1].lower() + message[1:].rstrip(".")
    return _explain(UsageError(" ".join(line.split()), f"did you mean {meant}" if meant else help_page))


def _explain(error: DnaDeployError) -> int:
    complain(f"error: {error.message}")
    if error.hint:
        complain(f"hint: {error.hint}")
    return error.exit_code


if __name__ == "__main__":
    main()
