"""The command ``dna-deploy``: gathers the commands and turns expected failures into one line and an exit code."""

from __future__ import annotations

import sys

import typer

from dna_deploy import __version__
from dna_deploy.cli.commands import (
    calibrate,
    evolve,
    export,
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
    spaces,
    tables,
    targets,
    teachers,
    train,
    verify,
)
from dna_deploy.cli.console import be_quiet, complain
from dna_deploy.cli.options.groups import spread
from dna_deploy.cli.project import project_defaults
from dna_deploy.cli.quiet import QuietableGroup
from dna_deploy.errors import DependencyError, DnaDeployError

app = typer.Typer(
    name="dna-deploy",
    cls=QuietableGroup,
    help="The most accurate network that runs within a latency budget on your device.",
    epilog="Start with: dna-deploy demo  ·  or in your own project: dna-deploy init",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(spread(run.init))
app.command("run")(spread(run.run))
app.command("demo")(spread(run.demo))
app.command("report")(report.report)
app.command("spaces")(spaces.spaces)
app.command("teachers")(teachers.teachers)
app.command("rate", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(rate.rate)
app.command("calibrate")(calibrate.calibrate)
app.command("evolve")(evolve.evolve)
app.add_typer(search.app, name="search")
app.command("front")(spread(front.front))
app.command("portfolio")(spread(portfolio.portfolio))
app.command("refine")(spread(refine.refine))
app.command("rank-check")(rank_check.rank_check)
app.command("train")(train.train)
app.command("profile")(profile.profile)
app.command("kit")(kit.kit)
app.command("targets")(targets.targets)
app.add_typer(tables.app, name="tables")
app.command("export")(export.export)
app.command("verify")(verify.verify)


def _print_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"dna-deploy {__version__}\n")
        raise typer.Exit


@app.callback()
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", callback=_print_version, is_eager=True, help="Print the version."),
    quiet: bool = typer.Option(False, "--quiet", "-q", help="Print only results and errors; every command takes it, too."),
) -> None:
    be_quiet(quiet)
    group = typer.main.get_group(app)
    flags = {name: frozenset(param.name or "" for param in command.params) for name, command in group.commands.items()}
    context.default_map = project_defaults(flags)


_TRAIN = ("torch", "torchvision", "timm", "onnx", "onnxscript", "safetensors", "fvcore", "efficientnet_lite_pytorch")
EXTRAS = {
    **dict.fromkeys(_TRAIN, "train"),
    **dict.fromkeys(("matplotlib", "jinja2"), "report"),
    "openvino": "openvino",
    "tensorrt": "tensorrt",
    "tensorrt_rtx": "tensorrt-rtx",
    "pymoo": "blackbox",
}
"""Package -> the extra of dna-deploy that installs it."""

_INTERRUPTED = 130


def main() -> None:
    """Runs the command line and exits with the codes of `dna_deploy.errors`."""
    try:
        app()
    except DnaDeployError as error:
        sys.exit(_explain(error))
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        hint = f"pip install 'dna-deploy[{EXTRAS[package]}]', or, in a clone, pip install '.[{EXTRAS[package]}]'"
        sys.exit(_explain(DependencyError(f"this needs the package {package!r}, which is not installed", hint)))
    except SystemExit as stop:  # what typer makes of a KeyboardInterrupt, without a word
        if stop.code == _INTERRUPTED:
            complain("interrupted; what is finished is kept, the same command goes on")
        raise
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(0)


def _explain(error: DnaDeployError) -> int:
    complain(f"error: {error.message}")
    if error.hint:
        complain(f"hint: {error.hint}")
    return error.exit_code


if __name__ == "__main__":
    main()
