"""The example notebook runs from top to bottom, shows progress and a plot, and leaves a measured model."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from dna_deploy.records.model_card import MeasuredLatency, ModelCard

NOTEBOOK = Path(__file__).parents[1] / "examples" / "journey.ipynb"
FEWER_ROUNDS = 'from dataclasses import replace\ntarget = replace(target, plan=target.plan.model_copy(update={"rounds": 32}))\n'
NO_WAITS = "from dna_deploy.export.checks import verification\nverification.WAITS_S = (0.0, 0.0, 0.0)\n"
"""The notebook runs in a process of its own, where `tests/conftest.py` reaches nothing."""


def journey() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_the_journey_takes_twenty_lines() -> None:
    code = "\n".join(cell.source for cell in journey().cells if cell.cell_type == "code" and cell.id != "plot")
    assert len([line for line in code.splitlines() if line.strip() and not line.startswith((" ", "from", "import"))]) <= 24


def test_it_is_committed_without_results() -> None:
    assert not any(cell.get("outputs") for cell in journey().cells)


@pytest.mark.slow
@pytest.mark.filterwarnings("default")  # of the notebook's own machinery
def test_it_runs_from_top_to_bottom(tmp_path: Path) -> None:
    notebook = journey()
    measure = next(cell for cell in notebook.cells if cell.id == "measure")
    first, _, rest = measure.source.partition("\n")
    measure.source = f"{first}\n{FEWER_ROUNDS}{NO_WAITS}{rest}"
    NotebookClient(notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(tmp_path)}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    shown = [output["data"] for output in outputs if "data" in output]
    assert any("measuring: " in data.get("text/plain", "") for data in shown)
    assert any("image/png" in data for data in shown)
    card = ModelCard.read(tmp_path / "journey" / "model" / "model.card.json")
    assert isinstance(card.measured, MeasuredLatency)
