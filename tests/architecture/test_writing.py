"""Files are written by `records.files`, which survives a power cut; whoever writes otherwise says here why that is no loss."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import dna_deploy

PACKAGE = Path(dna_deploy.__file__).parent

_TEMPORARY = "a temporary folder that nobody else reads"
_STAGED = "in the hidden folder of `export.staging`, which settles every file before it gets its name"
_APPENDED = "appended and synced line by line; readers stop at a torn one"

ALLOWED = {
    ("records/files.py", "NamedTemporaryFile"): "this is where files are written",
    ("records/files.py", "replace"): "this is where files are written",
    ("records/files.py", "TemporaryFile"): "empty, and gone at once: whether a folder can be written",
    ("latency/journal.py", "open"): _APPENDED,
    ("records/result_log.py", "open"): _APPENDED,
    ("records/probe_kit.py", "write_bytes"): _TEMPORARY,
    ("records/probe_kit.py", "open"): _TEMPORARY,
    ("contracts/module.py", "write_bytes"): _TEMPORARY,
    ("contracts/runner.py", "write_bytes"): _TEMPORARY,
    ("contracts/judge.py", "write_bytes"): _TEMPORARY,
    ("contracts/tiny.py", "save_file"): _TEMPORARY,
    ("export/formats/quantised_parts.py", "save"): _TEMPORARY,
    ("export/runtimes/onnx_runtime.py", "quant_pre_process"): _TEMPORARY,
    ("export/runtimes/onnx_runtime.py", "quantize_static"): _TEMPORARY,
    ("export/runtimes/openvino.py", "save"): _TEMPORARY,
    ("export/runtimes/openvino.py", "replace"): "an operation in a graph, and no file",
    ("export/runtimes/openvino.py", "save_model"): _STAGED,
    ("export/formats/model_file.py", "save_model"): _STAGED,
    ("latency/isolation.py", "TemporaryFile"): "the words of a worker, read by the process that started it",
    ("latency/worker.py", "fdopen"): "a pipe to the process that started this one",
    ("report/render.py", "savefig"): "into memory",
    ("data/image_memory.py", "savez"): "into memory",
    ("cli/app.py", "open"): "the null device, in the place of a closed output",
    ("contracts/rater.py", "save"): _TEMPORARY,
    ("learning/feature_cache.py", "touch"): "only the time of a file that is there",
}
"""File and call that could write -> why it may."""

_WRITERS = frozenset({
    "write_text", "write_bytes", "rename", "renames", "touch", "symlink_to", "hardlink_to", "truncate", "ftruncate", "fdopen",
    "mkstemp", "NamedTemporaryFile", "TemporaryFile", "copy2", "copyfile", "copytree", "move", "extractall", "make_archive",
    "save_file", "save_model", "savefig", "savez", "savetxt", "tofile", "to_csv", "quant_pre_process", "quantize_static",
})  # fmt: skip
_SAVERS = frozenset({"onnx", "torch", "np", "numpy", "image"})
"""Modules whose ``save`` writes a file; ours have methods of that name that go through `records.files`."""


def calls_that_could_write(path: Path) -> set[str]:
    """The names of the calls in a file that could write one."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Call) and (name := _name(node)) and _could_write(node, name):
            found.add(name)
    return found


def _name(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(attr=name) | ast.Name(id=name):
            return name
    return ""


def _could_write(call: ast.Call, name: str) -> bool:
    match name:
        case "open":
            return any(set(mode) & set("wax+") for mode in _modes(call))
        case "replace":  # a string's takes two texts, a record's takes names
            return (len(call.args) == 1 and not call.keywords) or _owner(call) == "os"
        case "save":
            return _owner(call) in _SAVERS
        case "copy":
            return _owner(call) == "shutil"
    return name in _WRITERS


def _modes(call: ast.Call) -> list[str]:
    given = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
    return [value.value for value in given if isinstance(value, ast.Constant) and isinstance(value.value, str)]


def _owner(call: ast.Call) -> str:
    match call.func:
        case ast.Attribute(value=ast.Name(id=name)):
            return name
    return ""


def test_whoever_writes_a_file_past_the_one_function_says_why() -> None:
    found = {(str(path.relative_to(PACKAGE)), name) for path in PACKAGE.rglob("*.py") for name in calls_that_could_write(path)}
    assert found == set(ALLOWED)


@pytest.mark.parametrize(
    "line",
    [
        "path.write_text('')", "open(path, 'w')", "path.open('ab')", "path.open(mode='r+')", "os.replace(a, b)", "a.replace(b)",
        "onnx.save(model, path)", "torch.save(x, path)", "shutil.copy(a, b)", "path.touch()",
    ],
)  # fmt: skip
def test_a_call_that_writes_is_seen(tmp_path: Path, line: str) -> None:
    (tmp_path / "file.py").write_text(line)
    assert calls_that_could_write(tmp_path / "file.py")


@pytest.mark.parametrize("line", ["open(path)", "path.open('rb')", "text.replace('a', 'b')", "replace(one, two=3)", "x.copy()"])
def test_a_call_that_writes_nothing_is_not(tmp_path: Path, line: str) -> None:
    (tmp_path / "file.py").write_text(line)
    assert not calls_that_could_write(tmp_path / "file.py")
