"""Settings files: what `init` writes reads back, and mistakes are named with the nearest right word."""

from __future__ import annotations

from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import Settings
from dna_deploy.pipeline.settings_file import load_settings, settings_text


def written(folder: Path, text: str) -> Path:
    path = folder / "dna-deploy.toml"
    path.write_text(text)
    return path


def test_the_written_file_explains_every_key_and_reads_back(tmp_path: Path) -> None:
    text = settings_text(Settings(latency="20ms"))
    assert load_settings(written(tmp_path, text), {}) == Settings(latency="20ms")
    assignments = [line for line in text.splitlines() if " = " in line]
    assert all("  # " in line for line in assignments)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('spce = "fashion"', "unknown key 'spce'", "did you mean 'space'?"),
        ("[train]\nepoch = 3", "unknown key 'train.epoch'", "did you mean 'epochs'?"),
        ("[train]\nepochs = 'many'", "train.epochs = 'many'", ""),
        ("latency = '20'", "duration '20' has no unit", "write it like 20ms"),
        ("latency = '-1ms'", "not positive", "write it like 20ms"),
        ("quantile = 'p95'", "quantile = 'p95'", ""),
        ("space = ", "is not TOML", ""),
        ("method = 'dna+++'", "unknown method 'dna+++'", "did you mean 'dna++'?"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(written(tmp_path, text), {})
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_the_environment_is_above_the_file(tmp_path: Path) -> None:
    path = written(tmp_path, 'space = "fashion"\n[train]\nepochs = 3')
    settings = load_settings(path, {"DNA_DEPLOY_TRAIN_EPOCHS": "9", "DNA_DEPLOY_LATENCY": "1ms"})
    assert (settings.train.epochs, settings.latency, settings.space) == (9, "1ms", "fashion")


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path / "none.toml", {})
    assert "dna-deploy init" in caught.value.hint
