"""The example in Python on the first page runs as it stands, in a folder that has what it names."""

from __future__ import annotations

import random
import re
import shutil
from pathlib import Path

import pytest

from dna_deploy.spaces.catalog import find_chain
from tests.search.instances import random_ratings

ROOT = Path(__file__).parents[2]


def test_the_example_in_python_finds_a_network_of_its_space(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    space = find_chain("fashion").with_head()
    random_ratings(space, random.Random(0)).write(tmp_path / "ratings" / "fashion.json")
    shutil.copytree(ROOT / "latency_tables", tmp_path / "latency_tables")
    monkeypatch.chdir(tmp_path)
    exec(example, {})
    space.check(space.parse(capsys.readouterr().out.strip()))
