"""Raters as parts: found by name, refused with what is missing, and opened again from the folders that they left."""

from __future__ import annotations

import json
from pathlib import Path
from typing import ClassVar

import pytest

from dna_deploy import plugins
from dna_deploy.errors import TableError, UsageError
from dna_deploy.progress import OnProgress, silent
from dna_deploy.rating.needs import Needs
from dna_deploy.rating.rater import AdditiveRater, Rater, load_rater, make_rater, open_rater
from dna_deploy.rating.raters import RATERS
from dna_deploy.rating.raters.one_shot.config import OneShotConfig
from dna_deploy.rating.raters.one_shot.rater import OneShot
from dna_deploy.rating.work import FILE_NAME, FORMER_FILE_NAME
from dna_deploy.records.files import Part, Record
from dna_deploy.records.rating_run import RatingRun
from tests.rating import test_one_shot
from tests.toy import SPACE, toy_data, toy_teacher


class Broken:
    """Cannot score, and does not say what it needs."""

    config: ClassVar[type[Part]] = OneShotConfig
    folder_name: ClassVar[str] = "broken"

    def train(self, on_progress: OnProgress = silent) -> None:
        raise AssertionError("a rater that is refused was used")


class Unsettled(Broken):
    config = dict  # type: ignore[assignment]
    needs = Needs()

    def score(self) -> None:
        raise AssertionError("a rater that is refused was used")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Broken", "rater 'ours' (tests.rating.test_raters:Broken) is no rater: it lacks needs, score"),
        ("Unsettled", "rater 'ours' is no rater: its config, <class 'dict'>, is no Part"),
        ("Missing", "rater 'ours' is to be 'Missing' in tests.rating.test_raters, which has none"),
    ],
)
def test_a_plugin_that_breaks_the_protocol_is_refused_with_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, name: str, message: str
) -> None:
    monkeypatch.setitem(RATERS, "ours", f"{__name__}:{name}")
    with pytest.raises(UsageError) as caught:
        load_rater("ours")
    assert (caught.value.message, caught.value.hint) == (message, "mend its package")


def test_two_plugins_of_one_name_are_refused_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "_offered", lambda what: {"dna": ("other.package:Dna",), "twice": ("a:A", "b:B")})
    with pytest.raises(UsageError, match=r"2 raters are called 'twice': a:A, b:B") as caught:
        load_rater("twice")
    assert caught.value.hint == "uninstall all packages but one"
    with pytest.raises(UsageError, match=r"2 raters are called 'dna': dna_deploy.*:Dna, other.package:Dna"):
        load_rater("dna")


def test_an_unknown_rater_names_the_nearest() -> None:
    with pytest.raises(UsageError, match="unknown rater 'one-shto'") as caught:
        load_rater("one-shto")
    assert caught.value.hint == "did you mean 'one-shot'?"


def test_a_rater_gets_the_teacher_that_it_needs_and_no_other(tmp_path: Path) -> None:
    kind = load_rater("one-shot").config
    with pytest.raises(UsageError, match="method dna needs a teacher"):
        make_rater("dna", SPACE, toy_data(), load_rater("dna").config(), tmp_path)
    with pytest.raises(UsageError, match="method one-shot has no teacher"):
        make_rater("one-shot", SPACE, toy_data(), kind(), tmp_path, teacher=toy_teacher())


@pytest.fixture
def trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a one-shot rater of the toy space, which has a name here."""
    monkeypatch.setattr("dna_deploy.records.space_record.find_space", lambda name: SPACE)
    monkeypatch.setattr("dna_deploy.rating.rater.load_data", lambda *_: toy_data())
    OneShot(test_one_shot.work(tmp_path, epochs=1)).train()
    return tmp_path


class SupernetRun(Record):
    """What version 0.1 wrote beside a supernet without a teacher."""

    KIND: ClassVar[str] = "supernet-run"

    method: str
    identity: str
    space: str
    space_digest: str
    classes: int
    data: dict[str, object]
    data_digest: str
    config: dict[str, object]


def as_version_1(folder: Path) -> None:
    """The folder as an earlier version left it."""
    run = RatingRun.read(folder / FILE_NAME)
    old = {**run.model_dump(exclude={"teacher", "head"}), "space_digest": SPACE.identity, "classes": 3}
    SupernetRun.model_validate(old).write(folder / FORMER_FILE_NAME)
    (folder / FILE_NAME).unlink()


def test_the_folder_of_an_earlier_version_opens_and_goes_on(trained: Path) -> None:
    scores = open_rater(trained, Rater).score(test_one_shot.NETWORKS)
    as_version_1(trained)
    opened = open_rater(trained, Rater)
    assert isinstance(opened, OneShot)
    assert opened.score(test_one_shot.NETWORKS) == scores
    assert RatingRun.read(trained / FILE_NAME).method == "one-shot"


def test_what_a_rater_does_not_offer_is_said(trained: Path) -> None:
    with pytest.raises(TableError, match="holds what one-shot trained, which gives no rating table") as caught:
        open_rater(trained, AdditiveRater)
    assert caught.value.hint == "name another folder"


def test_a_setting_that_the_rater_no_longer_has_names_the_nearest(trained: Path) -> None:
    run = RatingRun.read(trained / FILE_NAME)
    run.model_copy(update={"config": {**run.config, "epoch": 3}}).write(trained / FILE_NAME)
    with pytest.raises(UsageError, match=r"rating-run.json has an unknown key 'epoch'") as caught:
        open_rater(trained, Rater)
    assert caught.value.hint == "did you mean 'epochs'?"


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("space_digest", "about a space 'toy' .* that is not the one known here"),
        ("data_digest", "the images behind the supernets in .* changed"),
    ],
)
def test_a_folder_whose_inputs_changed_is_refused(trained: Path, field: str, message: str) -> None:
    RatingRun.read(trained / FILE_NAME).model_copy(update={field: "sha256:0"}).write(trained / FILE_NAME)
    with pytest.raises(TableError, match=message):
        open_rater(trained, Rater)


def test_a_run_is_not_written_over_that_of_other_inputs(trained: Path) -> None:
    before = (trained / FILE_NAME).read_bytes()
    with pytest.raises(UsageError, match="was made from other settings, images or teacher"):
        test_one_shot.work(trained, epochs=1, seed=1).write_run()
    assert (trained / FILE_NAME).read_bytes() == before
    assert json.loads(before)["schema_version"] == RatingRun.SCHEMA_VERSION
