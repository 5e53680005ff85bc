"""Features of a teacher on disk: equal whether they come from there or not, bounded, and never believed when damaged."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from dna_deploy.learning.feature_cache import FeatureCache
from dna_deploy.nets.teachers.teacher import Teacher
from tests.toy import toy_teacher

IMAGES = torch.rand(4, 1, 12, 12, generator=torch.Generator().manual_seed(0))


class Counting:
    """A teacher that counts how often it is run."""

    def __init__(self, teacher: Teacher) -> None:
        self.runs = 0
        self.digest = teacher.digest
        self._teacher = teacher

    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        self.runs += 1
        return self._teacher.features(images)


def cache_in(folder: Path, most_bytes: int = 1 << 20) -> tuple[FeatureCache, list[str]]:
    said: list[str] = []
    return FeatureCache(folder, most_bytes, said.append), said


def files(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.safetensors"), key=lambda path: path.stat().st_mtime_ns)


def features(cache: FeatureCache, teacher: Counting, images: torch.Tensor = IMAGES) -> list[torch.Tensor]:
    return cache.features(teacher.digest, teacher.features, images)


def test_a_batch_that_was_seen_is_not_run_again_and_its_features_are_the_same_bits(tmp_path: Path) -> None:
    cache, said = cache_in(tmp_path)
    teacher = Counting(toy_teacher())
    first, again = features(cache, teacher), features(cache, teacher)
    assert (teacher.runs, said) == (1, [])
    for one, other, plain in zip(first, again, toy_teacher().features(IMAGES), strict=True):
        assert torch.equal(one, other)
        assert one.stride() == other.stride()
        assert torch.equal(one, plain.half().float())


def test_other_images_and_other_teachers_have_features_of_their_own(tmp_path: Path) -> None:
    cache, _ = cache_in(tmp_path)
    teacher = Counting(toy_teacher())
    features(cache, teacher)
    features(cache, teacher, IMAGES[:2])
    features(cache, teacher, IMAGES + 1e-3)
    assert teacher.runs == 3
    other = Counting(replace(toy_teacher(1), digest="another"))
    assert not torch.equal(features(cache, other)[0], features(cache, teacher)[0])
    assert (other.runs, teacher.runs) == (1, 3)


@pytest.mark.parametrize("damage", ["truncated", "flipped", "a pickle"])
def test_a_damaged_file_is_computed_anew_and_said(tmp_path: Path, damage: str) -> None:
    cache, said = cache_in(tmp_path)
    teacher = Counting(toy_teacher())
    wanted = features(cache, teacher)
    (path,) = files(tmp_path)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    path.write_bytes({"truncated": bytes(content[:-50]), "flipped": bytes(content), "a pickle": b"\x80\x02}q\x00."}[damage])
    assert all(torch.equal(one, other) for one, other in zip(features(cache, teacher), wanted, strict=True))
    assert teacher.runs == 2
    assert len(said) == 1
    assert str(path) in said[0]
    assert said[0].endswith("the teacher computes these features anew")
    features(cache, teacher)
    assert teacher.runs == 2


def test_the_folder_stays_within_its_bound_and_keeps_what_was_asked_for_last(tmp_path: Path) -> None:
    cache, _ = cache_in(tmp_path)
    teacher = Counting(toy_teacher())
    features(cache, teacher)
    (first,) = files(tmp_path)
    bounded, _ = cache_in(tmp_path, int(2.5 * first.stat().st_size))
    features(bounded, teacher, IMAGES + 1)
    second = next(path for path in files(tmp_path) if path != first)
    os.utime(second, (1, 1))  # asked for long ago
    features(bounded, teacher, IMAGES + 2)
    assert first.exists()
    assert not second.exists()
    assert sum(path.stat().st_size for path in files(tmp_path)) <= bounded.most_bytes


def test_what_sixteen_bits_cannot_hold_and_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    small, _ = cache_in(tmp_path, most_bytes=100)
    features(small, Counting(toy_teacher()))
    cache, _ = cache_in(tmp_path)
    huge = features(cache, Counting(toy_teacher()), IMAGES * 1e9)
    assert all(torch.equal(one, other) for one, other in zip(huge, toy_teacher().features(IMAGES * 1e9), strict=True))
    assert files(tmp_path) == []
