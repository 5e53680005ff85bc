"""Settings files: what `init` writes reads back, and mistakes are named with the nearest right word."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dna_deploy.errors import UsageError
from dna_deploy.pipeline.settings import MOVED, Settings
from dna_deploy.pipeline.settings_file import field_of, load_settings, read_settings, settings_of, settings_text
from dna_deploy.rating.configs import rater_config
from dna_deploy.rating.raters.dna_pp.config import PopulationConfig

FORMER = Path(__file__).parent / "samples" / "former.toml"
"""What `init --latency 20ms` wrote before the tables of the settings were the configs themselves."""


def written(folder: Path, text: str) -> Path:
    path = folder / "dna-deploy.toml"
    path.write_text(text)
    return path


def test_the_written_file_explains_every_key_and_reads_back(tmp_path: Path) -> None:
    settings = settings_of({"latency": "20ms", "train.mixup": 0.2, "teacher.cuts": ["layer1", "layer2"]})
    text = settings_text(settings)
    assert load_settings(written(tmp_path, text), {}) == settings
    assignments = [line for line in text.splitlines() if " =" in line]
    assert len(assignments) > 90
    assert all("  # " in line and line.partition("  # ")[2].strip() for line in assignments)


@pytest.mark.parametrize("method", ["dna", "dna++", "one-shot", "cream", "cream-top1"])
def test_the_written_file_holds_for_every_method(tmp_path: Path, method: str) -> None:
    path = written(tmp_path, settings_text(Settings()))
    settings = read_settings(path, given={"method": method}, environment={})
    assert settings.rate == rater_config(method)()


def test_every_default_in_the_written_file_is_the_one_that_holds(tmp_path: Path) -> None:
    shown = settings_text(Settings())
    live = re.sub(r"^# (?=\w+ = [^\s#])", "", shown, flags=re.MULTILINE)
    assert shown.count("\n# ") > 90
    assert live.count("\n# ") < 14, "only keys without a default are remarks still"
    assert read_settings(written(tmp_path, live), environment={}) == settings_of({})


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ('spce = "fashion"', "'spce' is an unknown key", "did you mean 'space'?"),
        ("[train]\nepoch = 3", "'train.epoch' is an unknown key", "did you mean 'epochs'?"),
        ("[teacher.recipe]\nepoch = 3", "'teacher.recipe.epoch' is an unknown key", "did you mean 'epochs'?"),
        ("[train]\npreset = 'imagnet'", "there is no preset 'imagnet'", "did you mean 'imagenet'?"),
        pytest.param("method = 'one-shto'", "'one-shto'", "did you mean 'one-shot'?", marks=pytest.mark.torch),
        ("[train]\nepochs = 'many'", "train.epochs = 'many'", ""),
        ("train = 3", "train = 3 is no table of settings", "write it as [train]"),
        ("[teacher]\nepochs = 3\nrecipe = 3", "teacher.recipe = 3 is no table of settings", "write it as [teacher.recipe]"),
        ("latency = '20'", "duration '20' has no unit", "write it like 20ms"),
        ("latency = '-1ms'", "not positive", "write it like 20ms"),
        ("quantile = 'p95'", "quantile = 'p95'", ""),
        ("space = ", "is not TOML", ""),
        (
            "method = 'dna++'\n[rate]\nsupernet_sets = 3",
            "method 'dna++' has no setting rate.supernet_sets",
            "",
        ),
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


def test_the_environment_speaks_to_a_table_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"dna-deploy\.toml: train = 3"):
        load_settings(written(tmp_path, "train = 3"), {"DNA_DEPLOY_TRAIN_EPOCHS": "9"})


def test_file_and_environment_are_read_for_the_method_of_the_flag(tmp_path: Path) -> None:
    path, given = written(tmp_path, "[rate]\nhidden = 32"), {"method": "dna++"}
    variables = {"DNA_DEPLOY_RATE_HIDDEN": "64", "DNA_DEPLOY_METHOD": "one-shot"}
    assert read_settings(path, given=given, environment={}).rate == PopulationConfig(hidden=32)
    assert read_settings(path, given=given, environment=variables).rate == PopulationConfig(hidden=64)
    with pytest.raises(UsageError, match="DNA_DEPLOY_RATE_HIDDEN 'x'"):
        read_settings(tmp_path / "none.toml", given=given, environment={**variables, "DNA_DEPLOY_RATE_HIDDEN": "x"})


def test_a_variable_that_sets_nothing_is_refused_and_the_nearest_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="the variable DNA_DEPLOY_SEEED is of no setting") as caught:
        read_settings(tmp_path / "none.toml", environment={"DNA_DEPLOY_SEEED": "3", "OTHERS": "1"})
    assert caught.value.hint == "did you mean 'DNA_DEPLOY_SEED'?"
    read_settings(tmp_path / "none.toml", environment={"DNA_DEPLOY_RATE_HIDDEN": "64"})
    with pytest.raises(UsageError, match="the variable DNA_DEPLOY_RATE_HIDEN is of no setting") as caught:
        read_settings(tmp_path / "none.toml", environment={"DNA_DEPLOY_RATE_HIDEN": "64"})
    assert caught.value.hint == "did you mean 'DNA_DEPLOY_RATE_HIDDEN'?"


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        load_settings(tmp_path / "none.toml", {})
    assert "dna-deploy init" in caught.value.hint


def test_a_file_of_an_earlier_version_is_read(tmp_path: Path) -> None:
    settings = load_settings(FORMER, {})
    assert (settings.latency, settings.rate.model_dump()["epochs"], settings.data.teacher_images) == ("20ms", 3, 20_000)
    assert (settings.data.train_images, settings.data.rating_images, settings.profile.rounds) == (20_000, None, None)
    text = (
        FORMER.read_text().replace('method = "dna"', 'method = "dna++"').replace("rating_images = 2000", "rating_images = 99")
    )
    other = load_settings(written(tmp_path, text.replace("# epochs =        #", "epochs = 5 #")), {})
    assert (other.data.rating_images, other.teacher.recipe.epochs, other.rate.model_dump()["batch"]) == (99, 5, 64)


def test_variables_of_an_earlier_version_are_read(tmp_path: Path) -> None:
    environment = {"DNA_DEPLOY_RATE_IMAGES": "77", "DNA_DEPLOY_TEACHER_EPOCHS": "2", "DNA_DEPLOY_RATE_JOBS": "3"}
    settings = read_settings(tmp_path / "none.toml", environment=environment)
    assert (settings.data.supernet_images, settings.teacher.recipe.epochs, settings.compute.jobs) == (77, 2, 3)


@pytest.mark.parametrize("key", MOVED.values())
def test_a_key_moved_to_one_that_is_there(key: str) -> None:
    assert field_of(key).description


@pytest.mark.parametrize("method", ["dna", "dna++", "one-shot", "cream", "cream-top1"])
def test_what_is_said_once_changes_no_other_default_of_a_method(method: str) -> None:
    assert settings_of({"method": method, "seed": 3}).rate == rater_config(method).model_validate({"seed": 3})


def test_what_is_said_once_holds_in_every_table() -> None:
    settings = settings_of({"seed": 3, "dataset": "photos", "teacher.recipe.seed": 4, "train.preset": "imagenet"})
    assert (settings.train.seed, settings.rate.model_dump()["seed"], settings.data.seed, settings.teacher.recipe.seed) == (
        3,
        3,
        3,
        4,
    )
    assert settings.data.dataset == "photos"
    assert (settings.train.epochs, settings.train.augmentation.crop) == (500, 0.08)


@pytest.mark.parametrize(
    ("key", "value", "message", "hint"),
    [
        ("ema", 1.5, "--ema 1.5: Input should be less than 1", "running mean"),
        ("amp", "fp8", "--amp 'fp8': Input should be 'off', 'bf16' or 'fp16'", "mixed precision"),
        ("batch", 1, "--batch 1: ", "images a step"),
        ("augmentation.crop", 0.0, "--augmentation.crop 0.0: Input should be greater than 0", "share of the area"),
        ("learning_rate", -1.0, "--learning_rate -1.0", "the highest learning rate"),
        ("rand_augment", 31, "--rand_augment 31", "RandAugment"),
    ],
)
def test_a_wrong_flag_is_named_with_what_it_means(key: str, value: object, message: str, hint: str) -> None:
    with pytest.raises(UsageError) as caught:
        settings_of({f"train.{key}": value}, {f"train.{key}": f"--{key}"})
    assert message in caught.value.message
    assert hint in caught.value.hint


@pytest.mark.parametrize("given", [{"dataset": "photos"}, {"seed": 0}, {"rate.draws": 1}])
def test_what_a_config_has_of_its_own_stays_where_something_else_is_said(given: dict[str, object]) -> None:
    """The views of dna++ are wilder than other augmentation."""
    assert settings_of({"method": "dna++", **given}).rate == PopulationConfig()
    views = settings_of({"method": "dna++", **given, "rate.views.shift": 1}).rate.model_dump()["views"]
    assert views == {**PopulationConfig().views.model_dump(), "shift": 1}
