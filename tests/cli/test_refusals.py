"""What typer refuses is said as everything else is: one line, a hint, exit code 2."""

from __future__ import annotations

import sys

import pytest

from dna_deploy.cli.app import main


def said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, list[str]]:
    """Exit code and lines on standard error; nothing else is printed."""
    monkeypatch.setattr(sys, "argv", ["dna-deploy", *arguments])
    with pytest.raises(SystemExit) as stopped:
        main()
    printed = capsys.readouterr()
    assert printed.out == ""
    return int(stopped.value.code or 0), printed.err.splitlines()


@pytest.mark.parametrize(
    ("arguments", "line", "hint"),
    [
        (("search", "--latncy", "3ms"), "there is no flag --latncy here", "did you mean --latency?"),
        (("teachers", "--space", "mbconv"), "there is no flag --space here", "see: dna-deploy teachers --help"),
        (("serch",), "no such command 'serch'", "did you mean 'search'?"),
        (("tables", "shw"), "no such command 'shw'", "did you mean 'show'?"),
        (("search", "--top", "x"), "invalid value for '--top'", "see: dna-deploy search --help"),
        (("search", "--top"), "'--top' requires an argument", "--help"),
        (("front",), "missing argument 'COST...'", "see: dna-deploy front --help"),
        (("rate", "--epochs", "0", "--json"), "invalid value for '--epochs'", "see: dna-deploy rate --help"),
    ],
)
def test_arguments_that_cannot_be_are_one_line_and_a_hint(
    arguments: tuple[str, ...], line: str, hint: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    code, lines = said(monkeypatch, capsys, *arguments)
    assert code == 2
    assert len(lines) == 2
    assert lines[0].startswith("error: ")
    assert line in lines[0]
    assert lines[1].startswith("hint: ")
    assert hint in lines[1]


def test_no_arguments_at_all_show_the_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["dna-deploy"])
    with pytest.raises(SystemExit):
        main()
    printed = capsys.readouterr()
    assert "Usage: dna-deploy" in printed.out + printed.err


def test_what_ends_well_ends_with_0(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["dna-deploy", "--version"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 0
