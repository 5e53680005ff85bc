"""What a report says, what it does with missing or damaged records, and what it never does."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dna_deploy.cli.app import app
from dna_deploy.errors import TableError, UsageError
from dna_deploy.report.evidence import select
from dna_deploy.report.findings import KINDS, gather
from dna_deploy.report.reported_front import ReportedFront, find_front
from dna_deploy.report.sections.curves import curves_section
from dna_deploy.report.shares import shares_of
from dna_deploy.report.write import Written, plots_of, sections_of, write_report
from dna_deploy.spaces.catalog import find_chain
from tests.report.story import card_of, outcome_of, provenance, ratings_of, table_of, write_story

pytestmark = pytest.mark.slow  # reports are drawn whole, pictures and all

FASHION = find_chain("fashion").with_head()
NOT_IN_EVERY_STORY = {"rating-run", "embedding-history", "rating-calibration", "fitted-model", "shelf"}
"""Kinds of records that only some methods and commands leave."""


def front_of(folder: Path) -> ReportedFront:
    front = find_front(select(gather([folder])))
    assert isinstance(front, ReportedFront), front
    return front


def test_the_front_is_the_searchs_own_and_the_same_without_an_outcome(tmp_path: Path) -> None:
    written = front_of(write_story(tmp_path / "all"))
    computed = front_of(write_story(tmp_path / "tables", without=("search-outcome",)))
    expected = [(point.architecture, point.rating) for point in outcome_of(FASHION).front.points]
    assert [(str(point.architecture), point.rating) for point in written.points] == expected
    assert [(str(point.architecture), round(point.rating, 12)) for point in computed.points] == [
        (line, round(rating, 12)) for line, rating in expected
    ]
    latencies = [point.latency_s for point in computed.points]
    assert latencies == pytest.approx([point.latency_s for point in written.points], rel=1e-9)
    assert latencies == sorted(latencies)


def test_every_point_of_the_front_is_what_the_tables_say_of_its_network(tmp_path: Path) -> None:
    for point in front_of(write_story(tmp_path)).points[::10]:
        assert point.latency_s == pytest.approx(table_of(FASHION).predict(FASHION, point.architecture).seconds)
        assert point.rating == pytest.approx(ratings_of(FASHION).of(FASHION, point.architecture))


def test_the_shares_of_a_network_sum_to_what_the_table_predicts() -> None:
    network, table = outcome_of(FASHION).network(FASHION), table_of(FASHION)
    shares = shares_of(FASHION, table, network, table.calibration("p50"))
    assert math.fsum(share.seconds for share in shares) == pytest.approx(table.predict(FASHION, network).seconds)
    assert [share.part for share in shares][:3] == ["overhead", "stem", "block 1"]


def test_one_file_holds_everything_and_names_no_other_place(written: Written, page: str) -> None:
    assert not re.findall(r"""(?:src|href)=["'](?!#|data:)[^"']*""", page)
    assert not re.findall(r"https?://(?!www\.w3\.org/)", page)
    assert "default-src 'none'" in page
    assert len(page) < 1_000_000


def test_every_plot_has_words_for_those_who_do_not_see_it(written: Written, page: str) -> None:
    pictures = re.findall(r"<svg [^>]*role=\"img\" aria-labelledby=\"(\S+) (\S+)\"", page)
    assert len(pictures) == 2 * len(written.pictures)
    for title, words in pictures:
        assert re.search(rf'<title id="{title}">[^<]+</title>', page)
        found = re.search(rf'<desc id="{words}">([^<]+)</desc>', page)
        assert found is not None
        assert len(found[1]) > 40


def test_pictures_are_png_files_with_the_titles_of_their_plots(written: Written) -> None:
    assert {path.stem for path in written.pictures} == {
        "front", "milliseconds", "prediction", "landscape", "training-blocks", "training-network",
    }  # fmt: skip
    for path in written.pictures:
        content = path.read_bytes()
        assert content.startswith(b"\x89PNG\r\n\x1a\n")
        assert int.from_bytes(content[16:20]) == 2 * 860


@pytest.mark.slow
def test_the_same_records_make_the_same_page(written: Written, tmp_path: Path) -> None:
    again = write_report([write_story(tmp_path / "run")], tmp_path / "again.html")
    assert again.html.read_bytes() == written.html.read_bytes()


@pytest.mark.slow
def test_what_comes_from_records_is_text_and_never_markup(tmp_path: Path, page: str) -> None:
    assert "boot &lt;b&gt;" in page
    assert "boot <b>" not in page
    hostile = outcome_of(FASHION).model_copy(update={"objective": "</script><script>alert(1)</script>"})
    hostile.write(write_story(tmp_path / "run", without=("search-outcome",)) / "outcome.json")
    written = write_report([tmp_path / "run"], tmp_path / "report.html")
    assert "<script>alert" not in written.html.read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind", sorted(kind.KIND for kind in KINDS if kind.KIND not in NOT_IN_EVERY_STORY | {"measurement", "trained-network"})
)
def test_a_missing_record_is_named_and_everything_else_is_shown(kind: str, tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run", without=(kind,))
    written = write_report([folder], tmp_path / "report.html")
    text = written.html.read_text()
    assert written.missing
    assert "What is missing" in text
    for title, missing in written.missing:
        assert title in text
        assert missing.reason.endswith(".")
    assert all(f'id="{key}"' in text for key in ("front", "search", "milliseconds", "prediction", "card", "origin"))


def test_a_block_without_a_curve_is_named(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run")
    (of_block_2,) = (path for path in folder.rglob("*.json") if '"subject": "block 2"' in path.read_text())
    of_block_2.unlink()
    section = curves_section(select(gather([folder])))
    assert [missing.reason for missing in section.missing] == ["There is no training history of block 2."]


def test_a_whole_story_lacks_nothing(written: Written, page: str) -> None:
    assert written.missing == ()
    assert written.left_out == ()
    assert "What is missing" not in page


@pytest.mark.slow
@pytest.mark.parametrize("kind", sorted({kind.KIND for kind in KINDS} - NOT_IN_EVERY_STORY))
def test_one_record_alone_makes_a_report(kind: str, tmp_path: Path) -> None:
    others = tuple(other.KIND for other in KINDS if kind != other.KIND)
    written = write_report([write_story(tmp_path / "run", without=others)], tmp_path / "report.html", tmp_path / "pictures")
    assert written.records >= 1
    assert written.missing


@pytest.mark.slow
def test_damaged_edited_and_newer_files_are_left_out_with_the_reason(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run")
    outcome, ratings, table = folder / "outcome.json", folder / "ratings/fashion.json", next(folder.glob("latency_tables/*"))
    outcome.write_bytes(outcome.read_bytes()[:2000])
    ratings.write_text(ratings.read_text().replace('"images": 2000', '"images": 2001'))
    table.write_text(table.read_text().replace('"schema_version": 2', '"schema_version": 99'))
    written = write_report([folder], tmp_path / "report.html")
    reasons = {one.name: one.reason for one in written.left_out}
    assert "not JSON" in reasons["outcome.json"]
    assert "digest" in reasons["ratings/fashion.json"]
    assert "schema version 99" in reasons["latency_tables/fashion.cpu-1thread.json"]
    text = written.html.read_text()
    assert all(f"{name}</a> could not be used" in text for name in reasons)


def test_json_files_of_others_and_hidden_folders_are_passed_over(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run")
    (folder / "package.json").write_text('{"name": "something else"}')
    (folder / "list.json").write_text("[1, 2]")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "broken.json").write_text("{")
    assert gather([folder]).left_out == ()


def test_nothing_to_report_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="nothing to report") as caught:
        gather([tmp_path])
    assert "dna-deploy run" in caught.value.hint
    with pytest.raises(TableError, match="no file or folder"):
        gather([tmp_path / "absent"])


def test_a_folder_of_several_runs_tells_the_story_of_the_newest_card(tmp_path: Path) -> None:
    """Records name each other by digest: a newer rating table that the search never saw does not slip in."""
    folder = write_story(tmp_path)
    other = ratings_of(FASHION).model_copy(update={"provenance": provenance(59, "rate again"), "images": 7})
    other.write(folder / "later" / "ratings.json")
    evidence = select(gather([folder]))
    assert evidence.ratings == ratings_of(FASHION)
    assert evidence.doubts == ()
    (folder / "ratings" / "fashion.json").unlink()
    evidence = select(gather([folder]))
    assert evidence.ratings == other
    assert "another rating table" in evidence.doubts[0]


def test_a_measured_card_stands_before_the_unmeasured_one_of_the_same_file(tmp_path: Path) -> None:
    card = card_of(FASHION)
    unmeasured = json.loads(card.content())
    folder = write_story(tmp_path)
    unmeasured["measured"] = {"reason": "not yet"}
    for name in ("digest", "kind", "schema_version"):
        del unmeasured[name]
    type(card).model_validate(unmeasured).write(folder / "exported" / "model.card.json")
    assert select(gather([folder])).card == card


@pytest.mark.slow
def test_a_missed_promise_is_said_at_the_top(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run", without=("model-card",))
    card_of(FASHION, 0.9e-3).write(folder / "model.card.json")
    text = write_report([folder], tmp_path / "report.html").html.read_text()
    assert "Promise missed" in text
    assert "measured 900 µs on the target, beyond the 600 µs that were asked" in text


def test_a_space_with_other_classes_is_recognised_by_its_table(tmp_path: Path) -> None:
    space = FASHION.with_head(FASHION.head_for(37))
    table_of(space).write(tmp_path / "table.json")
    assert select(gather([tmp_path])).space == space


def test_a_table_with_operations_of_another_package_is_still_shown(tmp_path: Path) -> None:
    table = table_of(FASHION)
    rows = (table.rows[0].model_copy(update={"layer": "elsewhere(size=3) 1x28x28->16/1"}), *table.rows[1:])
    table.model_copy(update={"rows": rows, "space": "elsewhere"}).write(tmp_path / "table.json")
    shown = [str(piece) for section in sections_of(select(gather([tmp_path]))) for piece in section.pieces]
    assert any("elsewhere(size=3)" in piece for piece in shown)


@pytest.mark.slow
def test_a_large_space_stays_a_small_file(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run", space_name="mbconv")
    written = write_report([folder], tmp_path / "report.html")
    assert written.missing == ()
    assert written.html.stat().st_size < 1_000_000


@pytest.mark.slow
def test_a_place_that_cannot_be_written_is_an_error_without_traces(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run", without=("rating-table", "search-outcome", "training-history"))
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot write"):
        write_report([folder], tmp_path / "file" / "report.html")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write into a read-only folder")
def test_a_read_only_folder_is_an_error_without_traces(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run")
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    with pytest.raises(UsageError, match="cannot write"):
        write_report([folder], closed / "report.html")
    assert list(closed.iterdir()) == []


@pytest.mark.slow
def test_the_command_prints_one_json_object(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run", without=("model-card",))
    ran = CliRunner().invoke(app, ["report", str(folder), "-o", str(tmp_path / "page.html"), "--no-png", "--json"])
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    assert (said["schema_version"], said["command"], said["pictures"]) == (1, "report", [])
    assert [missing["section"] for missing in said["missing"]] == ["The model card"]
    assert (tmp_path / "page.html").exists()


@pytest.mark.slow
def test_the_command_takes_the_run_folder_of_the_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_story(tmp_path / "runs" / "mine")
    (tmp_path / "dna-deploy.toml").write_text('folder = "runs/mine"\n')
    monkeypatch.chdir(tmp_path)
    ran = CliRunner().invoke(app, ["report"])
    assert ran.exit_code == 0, ran.output
    assert "report.html" in ran.stdout
    assert len(list((tmp_path / "report-png").glob("*.png"))) == len(plots_of(sections_of(select(gather([tmp_path])))))


def run_python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_without_the_extra_the_command_says_what_to_install(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run")
    ran = run_python(
        f"""
import sys
sys.modules["matplotlib"] = None
sys.argv = ["dna-deploy", "report", {str(folder)!r}, "-o", {str(tmp_path / "report.html")!r}]
from dna_deploy.cli.app import main
main()
"""
    )
    assert ran.returncode == 5, ran.stderr
    assert "dna-deploy[report]" in ran.stderr
    assert not (tmp_path / "report.html").exists()


@pytest.mark.slow
def test_a_report_needs_no_torch_and_imports_plotting_late(tmp_path: Path) -> None:
    folder = write_story(tmp_path / "run")
    ran = run_python(
        f"""
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name in ("torch", "torchvision", "timm", "onnx", "onnxruntime"):
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Absent())
from pathlib import Path
from dna_deploy.report.write import write_report
assert "matplotlib" not in sys.modules
assert "jinja2" not in sys.modules
write_report([Path({str(folder)!r})], Path({str(tmp_path / "report.html")!r}))
"""
    )
    assert ran.returncode == 0, ran.stderr
