"""Kits, runs, tables and target files from anywhere: a clear refusal or the very same content, never anything in between."""

from __future__ import annotations

import contextlib
import io
import json
import random
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from dna_deploy.errors import DnaDeployError, TableError, UsageError
from dna_deploy.latency.journal import Journal
from dna_deploy.records.doubt import Doubt
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.latency_table import AbsentRow, Calibration, LatencyRow, LatencyTable
from dna_deploy.records.probe_kit import WEIGHTS_FILE, KitManifest, KitProbe, KitTensor, ProbeKit
from dna_deploy.records.profile_run import ProfileRun
from dna_deploy.targets.target_file import read_target
from tests.records.made import MACHINE, PROVENANCE, TARGET, small_run


def small_kit() -> ProbeKit:
    files = {"empty-0.onnx": b"e", "sentinel-0.onnx": b"ss", "layer-0.onnx": b"lll" * 50}
    probes = tuple(
        KitProbe(role=role, key=role, file=f"{role}-0.onnx", digest=digest_of(files[f"{role}-0.onnx"]))
        for role in ("empty", "sentinel", "layer")
    )
    manifest = KitManifest(
        provenance=PROVENANCE, space="s", space_digest="sha256:0", head="", seed=5, batch=1, precision="fp32",
        tensors=(KitTensor(offset=0, count=1000, deviation=0.5), KitTensor(offset=4096, count=3, dtype="float16")),
        probes=probes,
    )  # fmt: skip
    return ProbeKit(manifest, files)


def small_table() -> LatencyTable:
    return LatencyTable(
        provenance=PROVENANCE, space="s", space_digest="sha256:0", head="", target=TARGET, fingerprint=MACHINE, statistic="p25",
        rows=(LatencyRow(layer="a", latency_s=1e-3, standard_error_s=1e-5, samples=60),),
        absent=(AbsentRow(layer="b", reason="it crashed"),), overhead_s=1e-6, grade="B",
        calibrations=(Calibration(quantile="p50", scale=1.1, offset_s=1e-5, networks=10, relative_error=0.01),),
        doubts=(Doubt(name="n", message="m", advice="a", grade="B"),), runs=("sha256:1",),
    )  # fmt: skip


def repacked(change: Callable[[dict[str, bytes]], None]) -> bytes:
    """A kit whose files were changed after it was written."""
    with zipfile.ZipFile(io.BytesIO(small_kit().content())) as file:
        members = {name: file.read(name) for name in file.namelist()}
    change(members)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(name, content)
    return buffer.getvalue()


def with_manifest(**changes: object) -> bytes:
    """A kit whose manifest was changed, its digest made to fit."""
    body = {**small_kit().manifest.model_dump(mode="json"), **changes}
    text = json.dumps(body)
    whole = {"kind": "probe-kit", "schema_version": KitManifest.SCHEMA_VERSION, **json.loads(text)}
    digest = digest_of(json.dumps(whole, sort_keys=True, separators=(",", ":")).encode())
    return repacked(lambda members: members.update({"manifest.json": json.dumps({"digest": digest, **whole}).encode()}))


def test_a_kit_reads_back_as_it_was_written_and_equal_kits_are_equal_bytes(tmp_path: Path) -> None:
    small_kit().write(tmp_path / "s.kit")
    assert ProbeKit.read(tmp_path / "s.kit") == small_kit()
    assert small_kit().content() == small_kit().content()


def test_unpacking_fills_weights_with_the_same_random_values_each_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small_kit().unpack(tmp_path / name)
    content = (tmp_path / "a" / WEIGHTS_FILE).read_bytes()
    assert content == (tmp_path / "b" / WEIGHTS_FILE).read_bytes()
    values = np.frombuffer(content[:4000], np.float32)
    assert values.std() == pytest.approx(0.5, rel=0.1)
    assert np.isfinite(np.frombuffer(content[4096:4102], np.float16)).all()
    assert {path.name for path in (tmp_path / "a").iterdir()} == {*small_kit().graphs, WEIGHTS_FILE}


def test_a_kit_knows_its_content_whenever_it_was_made() -> None:
    later = small_kit().manifest.model_copy(update={"provenance": Provenance.now()})
    assert ProbeKit(later, small_kit().graphs).digest == small_kit().digest


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is not a probe kit"),
        (small_kit().content()[:-30], "is not a probe kit"),
        (repacked(lambda members: members.update({"layer-0.onnx": b"other"})), "does not match its digest"),
        (repacked(lambda members: members.pop("layer-0.onnx") and None), "lacks layer-0.onnx"),
        (repacked(lambda members: members.pop("manifest.json") and None), "lacks manifest.json"),
        (repacked(lambda members: members.update({"manifest.json": b"[]"})), "it holds a list"),
        (with_manifest(batch=0), "batch"),
        (with_manifest(probes=[]), "no layer in it"),
        (
            with_manifest(probes=[{"role": "layer", "key": "k", "file": "../../etc/passwd", "digest": "d"}]),
            "is no name for a graph",
        ),
        (with_manifest(tensors=[{"offset": 0, "count": 1 << 40}]), "tensors.0.count"),
        (with_manifest(tensors=[{"offset": (8 << 30) - 1, "count": 1 << 20}]), "its weights would take"),
        (
            with_manifest(probes=[{"role": "layer", "key": "k", "file": "a.onnx", "digest": "d"}] * 2),
            "same role and key",
        ),
    ],
)
def test_a_bad_kit_is_refused_with_the_reason(content: bytes, message: str) -> None:
    with pytest.raises(TableError, match=message):
        ProbeKit.parse(content, "bad.kit")


def test_a_kit_of_a_newer_version_asks_for_an_upgrade() -> None:
    def newer(members: dict[str, bytes]) -> None:
        members["manifest.json"] = members["manifest.json"].replace(b'"schema_version": 2', b'"schema_version": 3')

    with pytest.raises(TableError, match="schema version 3") as refused:
        ProbeKit.parse(repacked(newer), "x.kit")
    assert "upgrade" in refused.value.hint


@pytest.mark.slow
def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file, file.open("manifest.json", "w") as stream:
        for _ in range(300):
            stream.write(bytes(1 << 20))
    with pytest.raises(TableError, match="would unpack to 314572800 bytes"):
        ProbeKit.parse(buffer.getvalue(), "bomb.kit")


def test_a_full_disk_is_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(self: Path, content: bytes) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(UsageError, match="No space left on device"):
        small_kit().unpack(tmp_path)


def mutations(content: bytes, count: int) -> Iterator[bytes]:
    """Changed bytes: some flipped, cut out, doubled or put in; numbers made huge, negative or text."""
    rng = random.Random(0)
    for _ in range(count):
        mutated = bytearray(content)
        for _ in range(rng.randint(1, 4)):
            place = rng.randrange(max(1, len(mutated)))
            match rng.randrange(6):
                case 0:
                    mutated[place : place + 1] = bytes([rng.randrange(256)])
                case 1:
                    del mutated[place : place + rng.randint(1, 60)]
                case 2:
                    mutated[place:place] = mutated[place : place + rng.randint(1, 60)]
                case 3:
                    mutated[place:place] = rng.choice([b"9" * 400, b"-", b"NaN", b"1e999", b"[" * 2000, b'"', b"\x00", b"null"])
                case 4:
                    del mutated[place:]
                case _:
                    mutated[place : place + 4] = rng.randbytes(4)
        yield bytes(mutated)


@pytest.mark.parametrize(
    ("whole", "parse"),
    [
        (small_kit(), ProbeKit.parse),
        (small_run(), ProfileRun.parse),
        (small_table(), LatencyTable.parse),
    ],
)
def test_2500_mutated_files_of_each_kind_are_refused_or_unchanged(
    whole: ProbeKit | ProfileRun | LatencyTable, parse: Callable[[bytes, str], object]
) -> None:
    passed = 0
    for content in mutations(whole.content(), 2500):
        with contextlib.suppress(DnaDeployError):
            assert parse(content, "x") == whole
            passed += 1
    assert passed < 500


def test_2500_manifests_whose_digest_fits_are_refused_or_sound(tmp_path: Path) -> None:
    """An attacker can make digests fit: what is inside must still be safe to unpack."""
    manifest = small_kit().manifest.model_dump_json(exclude={"provenance"}).encode()
    for content in mutations(manifest, 2500):
        try:
            changes = json.loads(content)
        except (ValueError, RecursionError):
            continue
        if not isinstance(changes, dict):
            continue
        with contextlib.suppress(DnaDeployError):
            kit = ProbeKit.parse(with_manifest(**changes), "x")
            assert all(name == Path(name).name and name.endswith(".onnx") for name in kit.graphs)
            assert kit.manifest.weights_bytes < 8 << 30


@pytest.mark.slow
def test_1500_mutated_target_files_are_refused_or_read(tmp_path: Path) -> None:
    text = b'runtime = "onnxruntime"\nthreads = 1\npin = [0]\n[provider_options]\na = "b"\n[sampling]\nrounds = 20\nruns = 3\n'
    path = tmp_path / "t" / "target.toml"
    path.parent.mkdir()
    for content in mutations(text, 1500):
        path.write_bytes(content)
        with contextlib.suppress(DnaDeployError):
            assert read_target(path).plan.rounds >= 2


@pytest.mark.slow
def test_500_mutated_journals_tell_visits_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    text = b'{"run":{"a":1},"seconds":1.0,"pauses":0}\n{"visit":[0,"x",[100,101],""]}\n{"other_load":0.1,"seconds":2.0}\n'
    for content in mutations(text, 500):
        path.write_bytes(content)
        with Journal(path, {"a": 1}) as journal:
            assert all(run > 0 or not visit.samples_ns for visit in journal.story.visits for run in visit.samples_ns)
