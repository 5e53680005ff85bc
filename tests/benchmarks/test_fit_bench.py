"""The benchmarks of fitting go through every network of a case, keep a row of each, and make nothing twice."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks.fit import ablation, bench
from benchmarks.fit.ablation import BLIND, NEAR, Ablation, add_missing
from benchmarks.fit.bench import BARE, FIT, ORDER, ORIGINAL, Bench
from benchmarks.fit.cases import CASES, Case, Sources, with_classes
from benchmarks.fit.pictures import dataset, emoji
from benchmarks.fit.table import page
from benchmarks.rows import read_rows
from dna_deploy.data.config import DataConfig
from dna_deploy.data.image_set import Dataset, Normalisation, StoredImages
from dna_deploy.data.splits import ImageData, divide
from dna_deploy.fit.model import OwnModel
from dna_deploy.spaces.shapes import FeatureMap
from tests.fit.made import TinyResNet
from tests.pipeline.made_fit import time_by_macs

INPUT = FeatureMap(3, 16, 16)


def _noise(_sources: Sources, size: int, train_images: int | None) -> ImageData:
    rng = np.random.default_rng(0)
    images = StoredImages(rng.integers(0, 256, (112, 3, size, size), dtype=np.uint8), rng.integers(0, 4, 112))
    noise = Dataset(
        name="noise", digest="sha256:0", shape=INPUT, classes=tuple("abcd"),
        normalisation=Normalisation((0.5,) * 3, (0.25,) * 3), training=images, test=images,
    )  # fmt: skip
    return divide(noise, DataConfig(dataset="noise", rating_images=32, validation_images=16, train_images=train_images))


def _tiny(_sources: Sources, _data: ImageData | None = None) -> OwnModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return OwnModel("tiny", TinyResNet().eval().requires_grad_(False), INPUT, (0.5,) * 3, (0.25,) * 3)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    folder = tmp_path_factory.mktemp("bench")
    case = Case(
        "A tiny network", 16, _noise, _tiny, shares=(0.6,), epochs=(1,), rated_images=32, train_images=64,
        others={"another": _tiny},
    )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        for module in (bench, ablation):
            patch.setattr(module, "UNIT_STEPS", 1)
        time_by_macs(patch)
        yield Bench.of(case, Sources(folder, None, folder / "out"), folder / "rows.csv", test_images=48)


@pytest.mark.slow
def test_every_network_of_a_case_is_a_row_and_nothing_is_made_twice(tiny: Bench) -> None:
    for name, share, seed, make in tiny.networks([0]):
        tiny.judge(name, share, seed, make)
    rows = read_rows(tiny.rows)
    names = [row["network"] for row in rows]
    assert names[0] == FIT and set(names) <= {FIT, *ORDER, ORIGINAL, "another"}
    assert {f"uniform width{BARE}", "greedy drop", "random feasible", f"{FIT}{BARE}", ORIGINAL, "another"} <= set(names)
    by_name = {row["network"]: row for row in rows}
    assert float(by_name[FIT]["of original"]) <= 0.61
    assert by_name[f"uniform width{BARE}"]["ms"] == by_name["uniform width"]["ms"]
    refitted, cut = (
        tiny.made[name, 0.6, 0][0](torch.zeros(1, *INPUT.sizes)) for name in ("uniform width", f"uniform width{BARE}")
    )
    assert not torch.allclose(refitted, cut, rtol=0.01)
    assert float(by_name[ORIGINAL]["of original"]) == 1

    def refuse() -> None:
        raise AssertionError("it is there")

    for name, share, seed, _ in tiny.networks([0]):
        if name in by_name:
            tiny.judge(name, share, seed, refuse)  # type: ignore[arg-type]
    printed = page("tiny", tiny.case, rows)
    assert "# A tiny network" in printed and all(f"| {name} " in printed for name in names)


@pytest.mark.slow
def test_an_ablation_scores_blind_and_near_networks_and_goes_on(tiny: Bench) -> None:
    apart = replace(tiny, rows=tiny.rows.with_name("ablation.csv"))
    add_missing(Ablation(apart, 0.7), 2, 1)
    add_missing(Ablation(apart, 0.7), 3, 1)
    rows = read_rows(apart.rows)
    assert [(row["group"], row["number"]) for row in rows] == [
        (group, str(number)) for number in range(3) for group in (BLIND, NEAR)
    ]
    assert len({row["changes"] for row in rows}) == len(rows)
    for row in rows:
        assert float(row["replace-one, refitted"]) <= float(row["replace-one, refitted, norms as they were"])
    assert any(row["replace-one, refitted"] != row["replace-one, as they were cut"] for row in rows)
    printed = ablation.page("A tiny network", rows * 2)
    assert "| joint, mended" in printed and "[" in printed


def test_pictures_of_one_emoji_are_in_one_part_whatever_vendor_and_gender(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    entries = [
        {"unified": f"{gender}-200D-1F52{number}", "image": f"{gender}{number}.png", "category": "People & Body"}
        for number in range(8)
        for gender in ("1F468", "1F469")
    ]
    for vendor in ("google", "apple"):
        with tarfile.open(tmp_path / f"emoji-datasource-{vendor}-16.0.0.tgz", "w:gz") as archive:
            for entry in entries:
                _add(archive, f"package/img/{vendor}/64/{entry['image']}", _png())
            _add(archive, "package/emoji.json", json.dumps([*entries, {**entries[0], "category": "Flags"}]).encode())
    made = dataset("emoji", emoji, tmp_path, 24, tmp_path / "emoji.npz")
    assert made.strata is not None and len(made.training) + len(made.test) == 32
    assert sorted(np.bincount(made.strata.groups)[made.strata.groups]) == [4] * len(made.training)
    again = dataset("emoji", emoji, tmp_path / "nowhere", 24, tmp_path / "emoji.npz")
    assert again.digest == made.digest
    assert made.training.images(torch.arange(1)).min() < 128 < made.training.images(torch.arange(1)).max()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))


def _png() -> bytes:
    file = io.BytesIO()
    Image.new("RGBA", (64, 64), (10, 20, 30, 255)).save(file, "png")
    return file.getvalue()


def test_a_head_for_other_classes_replaces_the_last_layer_alone() -> None:
    network = TinyResNet()
    head = network.head
    assert with_classes(network, 4).head is head
    assert with_classes(network, 7).head.out_features == 7


def test_every_case_says_what_it_asks() -> None:
    for case in CASES.values():
        assert case.shares and case.epochs and 0 < max(case.shares) < 1
        assert (case.epochs == (0,)) == (not case.has_labels)
        assert case.as_fast_as in {"", *case.others}
