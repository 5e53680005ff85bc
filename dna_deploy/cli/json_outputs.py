"""What ``--json`` prints, command by command: the documentation is made of this table, and tests hold the commands to it.

A key is written as its type and what it means. A type is one of JSON's; ``... or null``; or the kind of record whose content
(without its head) stands there. Keys that not every call prints are marked with a question mark.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dna_deploy.cli.console import JSON_SCHEMA_VERSION

_ACCURACY = {
    "predicted_accuracy?": "number: where the ratings are calibrated, the share of right answers that they predict",
    "predicted_accuracy_standard_error?": "number: of that, from the errors of the blocks' ratings",
    "predicted_accuracy_interval?": "array: its 95 % interval, where the calibration's record lies beside the ratings",
    "leave_one_out_error?": "number: how far predictions of unseen networks are off (root mean square)",
}

_CHANGED_SPACE = {
    "space": "string: the name of the space that came of it",
    "file": "string: where it lies",
    "folder": "string: what was trained",
    "record": "shrunk-space, grown-space or ensemble-space: what was dropped, is on the front, or answers together",
    "networks": "integer: how many it has",
    "networks_before": "integer: how many there were",
}

OUTPUTS: Mapping[str, Mapping[str, str]] = {
    "calibrate": {
        "table": "string: the new rating table",
        "calibration": "rating-calibration: the networks that were trained, and what was fitted",
        "covered": "integer: how many of them lie in the interval that the others predict",
    },
    "evolve": {
        "lineage": "lineage: every round",
        "best": "integer: the number of the best round",
        "ratings": "string: the rating table of that round",
    },
    "export": {
        "models": "array: one object a written file: `model`, `card_file`, and the content of its model card",
        "refused": "array: formats that were not delivered: `format`, `reason`",
    },
    "fit": {
        "folder": "string: where the model, its plain code and its card lie",
        "card": "fitted-model: what came of it",
        "is_kept": "boolean: whether the budget is kept",
    },
    "front": {
        "axes": "array: the costs, by name",
        "epsilon": "number: the front is exact up to this factor of a cost; 0 is exact",
        "points": "array: one object a network: `architecture`, `rating`, `costs` in the order of the axes; and"
        " `predicted_accuracy` where the ratings are calibrated",
    },
    "grow": _CHANGED_SPACE,
    "init": {"path": "string: the settings file"},
    "kit": {
        "path": "string: the kit's file",
        "size_bytes": "integer: its size",
        "digest": "string: names its content",
        "space": "string: the space's name",
        "layers": "integer: layers in it",
        "calibration_networks": "integer: whole networks to fit on",
        "validation_networks": "integer: whole networks to judge by",
    },
    "portfolio": {
        "own": "array: one object a device: `budget`, and `network`, its own optimum",
        "single": "object or null: the best network for all devices: `devices`, `loss`, `network`",
        "fewest": "array: the fewest networks, each as in `single`",
        "searches": "integer: searches that it took",
    },
    "profile": {
        "space": "string: the space's name",
        "target": "string or object: the target's name; with --dry-run all of it",
        "table?": "string: the latency table",
        "run?": "string: the raw run",
        "rows?": "integer: layers in the table",
        "absent?": "array: layers that could not be timed: `layer`, `reason`",
        "grade?": "string: A to D",
        "doubts?": "array: what speaks against it: `name`, `message`, `advice`, `grade`",
        "calibrations?": "array: one object a quantile, as in the table",
        "rounds?": "integer: finished rounds",
        "seconds?": "number: time spent measuring",
        "validation?": "object or null: how far predictions of unseen networks are off: `calibrated`, `raw`, `measured_twice`",
        "tables?": "array: with --on, the same of each table, with its `devices`",
        "lost?": "object: with --on, devices that dropped out, and why",
        "plan?": "object: with --dry-run, how often would be measured",
        "models?": "integer: with --dry-run, how many models",
        "expected_s?": "number: with --dry-run, about how long",
    },
    "rank-check": {
        "networks": "integer: networks of known accuracy",
        "noise_ceiling_tau": "number or null: Kendall's tau between trainings of the same networks",
        "top": "integer: how many of the best-rated count for the gain",
        "scores": "array: one object a score, every estimate with `value`, `low`, `high`",
    },
    "rate": {
        "table?": "string: the rating table",
        "digest?": "string: its digest",
        "teacher?": "string: the teacher",
        "folder": "string: the supernets",
        "method?": "string: the method of a rating without a table",
        "networks?": "array: the best networks of a rating without a table",
    },
    "refine": {
        "refinement": "refinement: the second stage",
        "was_best": "string: the best network before",
    },
    "report": {
        "html": "string: the page",
        "pictures": "array: PNG files",
        "records": "integer: records that were found",
        "missing": "array: what could not be shown: `section`, `reason`, `command`",
        "left_out": "array: files that were not used: `file`, `reason`",
    },
    "run": {
        "folder": "string: where the journey keeps its files",
        "model?": "string: the model",
        "card?": "model-card: its card",
        "dry_run?": "boolean: true with --dry-run",
        "stages?": "array: with --dry-run, one object a stage: `stage`, `due`, `why`, `estimate_s`",
        "on_workers_s?": "object: with --dry-run --workers N, about how long N workers take, by N",
    },
    "search": {"outcome": "search-outcome: the answer", **_ACCURACY},
    "search promise": {
        "outcome": "search-outcome: the answer",
        "promise": "object: `rounds`, `asked_s`, `measured_s`, `slack`",
        **_ACCURACY,
    },
    "search with": {"outcome": "search-outcome: the answer"},
    "shelf": {
        "path": "string: the file",
        "shelf": "shelf: every network with its published accuracy and what it takes",
        "front": "array: names of those that no other is both faster and better than, fastest first",
        "best": "string or null: with --latency: the most accurate within it",
    },
    "shrink": _CHANGED_SPACE,
    "spaces": {"spaces": "array: one object a space: `name`, `input`, `classes`, `candidates`, `networks`, `layers`, `digest`"},
    "tables": {"tables": "array: one object a table: its `path`, and what it is about"},
    "tables show": {
        "space": "string: the space's name",
        "target": "object: the target",
        "fingerprint": "object: the machine",
        "grade": "string: A to D",
        "doubts": "array: what speaks against it",
        "statistic": "string: which statistic of the samples a row holds",
        "overhead_s": "number: what any run costs",
        "seam_s": "number: what a layer costs alone and not in a network, in the middle of all; taken off its row",
        "calibrations": "array: one object a quantile",
        "rows": "array: the rows, the dearest first, with `parameters`, `macs`, `weight_bytes`, `peak_activation_bytes`",
        "absent": "array: layers that could not be timed",
        "cliffs": "array: fewer channels, more time: `dear`, `cheap`, `excess`",
        "dominated": "array: less work, more time: `dear`, `cheap`, `excess`",
    },
    "tables recheck": {
        "holds": "boolean: whether the table still holds",
        "median_change": "number: relative change of the rows",
        "limit": "number: how much is tolerated",
        "machine": "array: differences of the machine, in words",
        "rows": "array: `layer`, `before_s`, `now_s`",
        "devices?": "array: with --on, the same of each `device`, or its `error`; above stands the worst",
    },
    "tables diff": {
        "median_change": "number: relative change over all rows",
        "machine": "array: differences of the machine, in words",
        "by_operation": "object: operation to relative change",
        "rows": "array: `layer`, `before_s`, `after_s`, and how sure the change is",
        "only_before": "array: layers of the first table alone",
        "only_after": "array: layers of the second table alone",
    },
    "tables make": {
        "table": "string: the table's file",
        "grade": "string: A to D",
        "rows": "integer: its rows",
        "runs": "integer: raw runs that it was made from",
    },
    "targets": {
        "processor": "string: this machine's processor",
        "usable_processors": "array: numbers of those that this process may use",
        "governor": "string: who governs the clock",
        "targets": "array: `name`, `usable`, `reason`",
        "runtimes": "array: `runtime`, `version`, `providers`, `reason`",
    },
    "teachers": {"teachers": "array: `teacher`, `weights`, `ready`, `why`"},
    "train": {"record": "string: the trained network's record", "trained": "trained-network: what it says"},
    "units": {
        "model": "string: its name",
        "input": "string: what images are",
        "units": "array: `path`, `class`, `input`, `output`, `stage`, `is_cut`, `seconds`, `share`, `may`, `reasons`",
        "refused": "array: modules of several layers that are no units: `path`, `reason`",
        "timed_with": "string: the runtime",
        "threads": "integer: of the processor",
        "rounds": "integer: runs that times are medians of",
        "whole_s": "number: the original",
        "rest_s": "number: of it, outside all units",
        "fastest_s": "number: with the cheapest module of the same shapes in the place of every unit that may change",
        "replaceable_share": "number: of the original's time, in units that may change",
    },
    "verify": {
        "model": "string: the file",
        "model_digest": "string: of its bytes",
        "architecture": "string or null: where the file says it",
        "target": "string: the target's name",
        "batch": "integer: images that a latency is of",
        "precision": "string: the target's",
        "idle_s": "number: rest before every run",
        "inputs": "array: name and shape of what it was fed with",
        "quantile": "string: which quantile the promise speaks of",
        "asked_s": "number or null: the promise",
        "measured_s": "number: that quantile of the samples",
        "standard_error_s": "number: its standard error",
        "p50_s": "number: the median",
        "p90_s": "number or null: where there are samples enough",
        "samples": "integer: how many",
        "spread": "number: interquartile range over the median",
        "grade": "string: A to D",
        "is_kept": "boolean or null: whether the promise is kept",
        "pace": "object or null: how the machine goes against its table: `ratio`, `standard_error`, `sentinels`, `looks`",
        "at_table_s": "number: what was measured as it is at the table's pace",
        "doubts": "array: what speaks against the measurement",
        "devices?": "array: with --on, the same of each `device`, or its `error`; above stands the slowest",
        "tuning": "object or null: with --tune: `tried`, `usual`, `gained`",
        "without_preprocessing": "object or null: the same of the network alone, where the file has pre-processing inside",
    },
}
"""Command -> key -> type and meaning. `demo` prints what `run` prints, and `run` with a `[model]` what `fit` prints."""


def output_schema(command: str) -> dict[str, Any]:
    """The JSON Schema of what a command prints."""
    keys = OUTPUTS[command]
    head = {"schema_version": {"const": JSON_SCHEMA_VERSION}, "command": {"const": command}}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"dna-deploy {command} --json",
        "type": "object",
        "properties": head | {name.rstrip("?"): _property(text) for name, text in keys.items()},
        "required": [*head, *(name for name in keys if not name.endswith("?"))],
        "additionalProperties": False,
    }


def _property(text: str) -> dict[str, Any]:
    kinds, _, meaning = text.partition(": ")
    types = kinds.split(" or ")
    if not set(types) <= {"string", "integer", "number", "boolean", "array", "object", "null"}:
        return {"type": "object", "description": f"{meaning} (the content of a record of kind {kinds})"}
    return {"type": types if len(types) > 1 else types[0], "description": meaning}
