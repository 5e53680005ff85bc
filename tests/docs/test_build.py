"""The documentation builds without a warning, and its reference pages speak of everything that is there."""

from __future__ import annotations

import json
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import jsonschema
import pytest
from mkdocs.config import load_config

from dna_deploy.errors import DnaDeployError
from docs import generate
from tests.docs.commands import ROOT
from tests.records.collect_samples import SAMPLES, kinds


class Text(HTMLParser):
    """The words of a page, and where it takes things from."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.loaded: list[str] = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag in ("script", "img", "link"):
            self.loaded.append(values.get("src") or values.get("href") or "")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return folder


@pytest.mark.slow
def test_every_page_of_the_navigation_is_there(site: Path) -> None:
    pages = _leaves(load_config(str(ROOT / "mkdocs.yml")).nav)
    assert len(pages) > 15
    assert not [page for page in pages if not (site / page).with_suffix(".html").exists()]


@pytest.mark.slow
def test_public_names_are_documented_with_their_arguments(site: Path) -> None:
    page = Text()
    page.feed((site / "reference" / "api.html").read_text())
    words = " ".join(page.words)
    for name in ("find_space", "profile_space", "rate_space", "train_architecture", "deliver", "verify_model", "on_progress"):
        assert name in words


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "words"), [("new-space", "SearchSpace"), ("new-layer", "class Ghost"), ("new-runtime", "class R")]
)
def test_pages_show_the_files_of_the_example_that_they_include(site: Path, page: str, words: str) -> None:
    text = Text()
    text.feed((site / "how-to" / f"{page}.html").read_text())
    shown = "".join(text.words)
    assert words in shown
    assert "--8" not in shown


@pytest.mark.slow
def test_pages_load_nothing_from_elsewhere(site: Path) -> None:
    for path in site.rglob("*.html"):
        page = Text()
        page.feed(path.read_text())
        assert not [source for source in page.loaded if source.startswith(("http", "//"))], path


@pytest.mark.torch
def test_every_kind_of_record_has_a_schema() -> None:
    assert {record.KIND for record in generate.records()} == {record.KIND for record in kinds().values()}


@pytest.mark.parametrize("record", generate.records(), ids=lambda record: record.KIND)
def test_a_record_fits_its_published_schema(record: type) -> None:
    schema = generate.schema(record)
    jsonschema.Draft202012Validator.check_schema(schema)
    name = f"v{record.SCHEMA_VERSION}/{record.KIND}.json"  # type: ignore[attr-defined]
    body = json.loads((SAMPLES / name).read_text())
    jsonschema.validate(body, schema)
    del body["provenance"]
    with pytest.raises(jsonschema.ValidationError, match="provenance"):
        jsonschema.validate(body, schema)


def test_every_exit_code_is_explained() -> None:
    page = generate.exit_codes_page()
    for code in {0, 1, 130, *(cls.exit_code for cls in DnaDeployError.__subclasses__())}:
        assert f"| {code} | " in page


def test_every_command_and_option_is_explained() -> None:
    page = generate.commands_page()
    assert "## tables recheck" in page
    assert "search promise" in page
    assert "| `--latency`" in page


def _leaves(nav: object) -> list[str]:
    match nav:
        case str():
            return [nav]
        case dict():
            return [leaf for value in nav.values() for leaf in _leaves(value)]
        case list():
            return [leaf for value in nav for leaf in _leaves(value)]
    return []
