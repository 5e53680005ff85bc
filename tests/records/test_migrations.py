"""Records of older versions: migrated one version at a time, under the name that their file carries."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any, ClassVar

import pytest
from pydantic import Field

from dna_deploy.errors import TableError
from dna_deploy.records.files import Migration, Provenance, Record

PROVENANCE = Provenance(created_at="2026-01-01T00:00:00+00:00", tool_version="0", python_version="3", host="h", command="c")


class Letter(Record):
    """Version 1: milliseconds."""

    KIND: ClassVar[str] = "letter"

    delay_ms: float
    to: str


def seconds(body: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in body.items() if key != "delay_ms"}, "delay_s": body["delay_ms"] / 1000}


def several(body: dict[str, Any]) -> dict[str, Any]:
    return {**{key: value for key, value in body.items() if key != "to"}, "receivers": body["to"].split(", ")}


class Mail(Record):
    """Version 3 of the same kind: seconds since version 2, several receivers since version 3."""

    KIND: ClassVar[str] = "letter"
    SCHEMA_VERSION: ClassVar[int] = 3
    MIGRATIONS: ClassVar[dict[int, Migration]] = {1: seconds, 2: several}

    delay_s: float = Field(ge=0)
    receivers: tuple[str, ...]
    stamp: str = "none"


def letter(**changes: Any) -> bytes:
    return Letter(**{"provenance": PROVENANCE, "delay_ms": 250.0, "to": "Ada, Grace", **changes}).content()


def test_a_file_two_versions_old_is_migrated_step_by_step() -> None:
    mail = Mail.parse(letter(), "old.json")
    assert mail == Mail(provenance=PROVENANCE, delay_s=0.25, receivers=("Ada", "Grace"))
    assert Mail.parse(mail.content(), "new.json") == mail
    assert json.loads(mail.content())["schema_version"] == 3


def test_a_migrated_record_keeps_the_digest_by_which_other_files_name_it() -> None:
    mail = Mail.parse(letter(), "old.json")
    assert mail.digest == json.loads(letter())["digest"]
    assert mail.model_copy().digest == mail.digest


def test_a_changed_copy_is_another_record() -> None:
    mail = Mail.parse(letter(), "old.json")
    changed = mail.model_copy(update={"stamp": "blue"})
    assert changed.digest == json.loads(changed.content())["digest"] != mail.digest


def test_the_digest_is_verified_against_what_the_old_version_wrote() -> None:
    with pytest.raises(TableError, match="does not match its own digest"):
        Mail.parse(letter().replace(b"250.0", b"350.0"), "old.json")


def test_an_old_file_that_is_invalid_once_migrated_says_where() -> None:
    with pytest.raises(TableError, match=r"old.json is not a valid letter: delay_s"):
        Mail.parse(letter(delay_ms=-1.0), "old.json")


@pytest.mark.parametrize("lost", ["delay_ms", "to"])
def test_an_old_file_without_what_its_version_had_is_refused_without_a_crash(lost: str) -> None:
    class Torn(Record):
        KIND: ClassVar[str] = "letter"
        delay_ms: float | str = 1.0
        to: str | int = "Ada"

    broken = {"delay_ms": "soon"} if lost == "delay_ms" else {"to": 7}
    with pytest.raises(TableError, match="is not a valid letter of version 1"):
        Mail.parse(Torn(provenance=PROVENANCE, **broken).content(), "torn.json")


def test_migrations_leave_what_they_are_given_as_it_was() -> None:
    body = json.loads(letter())
    before = deepcopy(body)
    several(seconds(body))
    assert body == before


@pytest.mark.parametrize("version", [0, -1, None, "1", 1.0, True, [1]])
def test_a_version_that_is_none_is_refused(version: object) -> None:
    body = {**json.loads(letter()), "schema_version": version}
    with pytest.raises(TableError, match="has no schema version"):
        Mail.parse(json.dumps(body).encode(), "odd.json")


def test_a_version_of_the_future_asks_for_an_upgrade() -> None:
    with pytest.raises(TableError, match=r"schema version 3; .* reads up to version 1") as refused:
        Letter.parse(Mail(provenance=PROVENANCE, delay_s=1, receivers=()).content(), "new.json")
    assert "upgrade" in refused.value.hint
