"""Writes the reference pages from the code while the documentation is built, so that they cannot fall behind it."""

from __future__ import annotations

import inspect
import json
from collections.abc import Iterator
from importlib import import_module
from itertools import groupby
from typing import Any

import click
import typer
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

from dna_deploy import api, errors
from dna_deploy.cli.app import app
from dna_deploy.cli.json_outputs import OUTPUTS, output_schema
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import settings_text
from dna_deploy.records.files import Record

RECORDS = (
    "records.probe_kit:KitManifest",
    "records.profile_run:ProfileRun",
    "records.latency_table:LatencyTable",
    "records.rating_table:RatingTable",
    "records.rating_run:RatingRun",
    "records.lineage:Lineage",
    "records.rating_calibration:ShortTraining",
    "records.rating_calibration:RatingCalibration",
    "records.embedding_history:EmbeddingHistory",
    "records.own_space:OwnSpace",
    "records.changed_space:ShrunkSpace",
    "records.changed_space:GrownSpace",
    "records.changed_space:EnsembleSpace",
    "records.fitted_model:FittedModel",
    "records.shelf:Shelf",
    "records.search_outcome:SearchOutcome",
    "records.refinement:Refinement",
    "records.trained_network:TrainedNetwork",
    "records.training_history:TrainingHistory",
    "records.measurement:Measurement",
    "records.model_card:ModelCard",
    "pipeline.runner:FinishedStage",
)
"""Every record, in the order of the journey. A test compares this list with the code."""

NOTE = "<!-- written by docs/generate.py from the code -->\n"


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the generated pages; MkDocs calls it."""
    pages = {
        "reference/commands.md": commands_page(),
        "reference/settings.md": settings_page(),
        "reference/files.md": files_page(),
        "reference/json.md": json_page(),
        "reference/exit-codes.md": exit_codes_page(),
        "reference/api.md": api_page(),
    }
    for record in records():
        pages[f"reference/schemas/{record.KIND}.json"] = json.dumps(schema(record), indent=1)
    for command in OUTPUTS:
        pages[f"reference/schemas/output-{command.replace(' ', '-')}.json"] = json.dumps(output_schema(command), indent=1)
    for path, content in pages.items():
        files.append(File.generated(config, path, content=content))
    return files


def records() -> tuple[type[Record], ...]:
    """Every record class."""
    found = (place.partition(":") for place in RECORDS)
    return tuple(getattr(import_module(f"dna_deploy.{module}"), name) for module, _, name in found)


def schema(record: type[Record]) -> dict[str, Any]:
    """The JSON Schema of a record's file, with the keys that every record has."""
    body = record.model_json_schema(mode="serialization")
    head = {
        "digest": {"type": "string", "description": "sha256 of everything else in the file"},
        "kind": {"const": record.KIND},
        "schema_version": {"const": record.SCHEMA_VERSION},
    }
    required = [*head, *body.get("required", ())]
    return {**body, "$schema": "https://json-schema.org/draft/2020-12/schema", "title": record.KIND,
            "properties": {**head, **body["properties"]}, "required": required}  # fmt: skip


def commands_page() -> str:
    """Every command with its help, arguments and options."""
    lines = [NOTE, "# Commands", "", "Each command takes `--json` where it prints a result, `--quiet`, and `--help`.", ""]
    for name, command in _commands(typer.main.get_command(app), "dna-deploy"):
        help_text = inspect.cleandoc(command.help or "")
        lines += [f"## {name.removeprefix('dna-deploy ')}", "", *_paragraphs(help_text), "", f"`{_usage(name, command)}`", ""]
        rows = [_parameter(param) for param in command.params if not (isinstance(param, click.Option) and param.hidden)]
        lines += ["| option | default | what it is |", "|---|---|---|", *rows, ""]
    return "\n".join(lines)


def _commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child_name, child in children.items():
        yield from _commands(child, f"{name} {child_name}")


def _usage(name: str, command: Any) -> str:
    arguments = [f"{param.name.upper()}" for param in command.params if param.param_type_name == "argument"]
    return " ".join([name, *arguments, "[OPTIONS]"])


def _paragraphs(text: str) -> list[str]:
    """The help, with its examples as code."""
    lines = []
    for line in text.splitlines():
        before, found, example = line.partition("dna-deploy ")
        is_example = line.startswith("Example") and found
        lines.append(f"{before.strip()} `dna-deploy {example}`" if is_example else line)
    return lines


def _parameter(param: Any) -> str:
    is_argument = param.param_type_name == "argument"
    names = param.name.upper() if is_argument else ", ".join((*param.opts, *param.secondary_opts))
    shown = getattr(param, "show_default", None)  # of a key of the settings, which is not given by default
    default = shown if isinstance(shown, str) else param.default
    text_of_default = "required" if param.required else "" if default in (None, "", False) else f"`{default}`"
    text = (getattr(param, "help", None) or "").replace("|", "\\|")
    return f"| `{names}` | {text_of_default} | {text} |"


def settings_page() -> str:
    """The settings file as `init` writes it."""
    return f"""{NOTE}
# Settings

`dna-deploy init` writes this file, `dna-deploy.toml`; `dna-deploy run` and, in its folder, every other command read it. A flag
stands above an environment variable, which stands above the file, which stands above the defaults shown here. The variable of
`epochs` in `[rate]` is `DNA_DEPLOY_RATE_EPOCHS`. An unknown key is an error that names the nearest known one. The keys of
`[rate]` are those of the method. What `dataset` and `seed` say at the top holds in every table.

```toml
{settings_text(Settings())}```
"""


def files_page() -> str:
    """What a record file is, and the schema of each kind."""
    lines = [
        NOTE, "# File formats", "",
        "Rooms of the tool hand each other records: one JSON object a file, with its `kind`, its `schema_version`, where it",
        "comes from (`provenance`) and a `digest` (sha256) of everything else in it. A file of another kind, of an unknown",
        "version, or one that was edited is refused. Numbers are in SI units; the unit stands in the key (`latency_s`,",
        "`weight_bytes`). A value that is not there is absent with a reason, never zero. Weights are safetensors.", "",
        "A change that an older version could not read raises `schema_version`; files of every version stay readable: they are",
        "migrated when they are read. A test holds this against a committed sample of every kind and version.", "",
        "A probe kit is a zip: `manifest.json` is the record `probe-kit`, beside it lies one ONNX graph a probe, without",
        "weights.", "",
    ]  # fmt: skip
    for record in records():
        lines += [f"## {record.KIND}", "", f"Version {record.SCHEMA_VERSION}. {inspect.getdoc(record)}", ""]
        lines += ["| key | type | what it is |", "|---|---|---|", *_fields(record), ""]
        lines += [f"[JSON Schema](schemas/{record.KIND}.json)", ""]
    return "\n".join(lines)


def _fields(model: type[BaseModel]) -> Iterator[str]:
    properties = schema(model)["properties"] if issubclass(model, Record) else {}
    for name, field in model.model_fields.items():
        kind = json.dumps(_type_of(properties[name])).strip('"')
        yield f"| `{name}` | {kind} | {(field.description or '').replace('|', chr(92) + '|')} |"


def _type_of(of: dict[str, Any]) -> str:
    if "$ref" in of:
        return str(of["$ref"]).rpartition("/")[2]
    if "anyOf" in of:
        return " or ".join(_type_of(one) for one in of["anyOf"])
    if of.get("type") == "array":
        return f"list of {_type_of(of['items'])}" if "items" in of else "list"
    return str(of.get("type", "any"))


def json_page() -> str:
    """What every command prints with ``--json``."""
    lines = [
        NOTE, "# JSON output", "",
        "With `--json` a command prints one JSON object on standard output and nothing else there; `--quiet` silences",
        "standard error as well. Every object has `schema_version` and `command`. Numbers are in SI units, the unit stands",
        "in the key. A key that is not in every output is marked as such. `demo` prints what `run` prints.", "",
    ]  # fmt: skip
    for command, keys in OUTPUTS.items():
        name = command.replace(" ", "-")
        rows = []
        for key, text in keys.items():
            kind, _, meaning = text.partition(": ")
            rows.append(f"| `{key.rstrip('?')}` | {kind} | {meaning}{' (not always)' if key.endswith('?') else ''} |")
        lines += [f"## {command}", "", "| key | type | what it is |", "|---|---|---|", *rows, ""]
        lines += [f"[JSON Schema](schemas/output-{name}.json)", ""]
    return "\n".join(lines)


def exit_codes_page() -> str:
    """What each exit code means."""
    codes: dict[int, list[str]] = {0: ["Done."], 1: ["A mistake of dna-deploy itself; please report it."]}
    for _, cls in inspect.getmembers(errors, inspect.isclass):
        if issubclass(cls, errors.DnaDeployError) and cls is not errors.DnaDeployError:
            codes.setdefault(cls.exit_code, []).append((inspect.getdoc(cls) or "").splitlines()[0])
    codes[130] = ["Interrupted. What is finished is kept; the same command goes on."]
    rows = [f"| {code} | {' '.join(texts)} |" for code, texts in sorted(codes.items())]
    return "\n".join([
        NOTE, "# Exit codes", "",
        "A failure prints one line that says what happened, and one that says what to do next, on standard error.", "",
        "| code | meaning |", "|---|---|", *rows, "",
    ])  # fmt: skip


def api_page() -> str:
    """The public names, with their signatures."""
    lines = [
        NOTE, "# Python API", "",
        "`import dna_deploy.api as dna` gives these names; nothing is loaded before it is used. A name that is not listed here",
        "may change in any version. The notebook `examples/journey.ipynb` uses most of them.", "",
    ]  # fmt: skip
    for module, names in groupby(api._MODULES, api._MODULES.__getitem__):
        lines += [f"## {module.removeprefix('dna_deploy.')}", ""]
        for name in names:
            lines += [f"::: {module}.{name}", ""]
    return "\n".join(lines)
