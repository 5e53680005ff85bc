"""What a teacher that is taken from files depends on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.images import ImagesConfig, ProjectImages
from dna_deploy.pipeline.runner import computed
from dna_deploy.pipeline.stages.teach import Teach
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.training.config import TeacherConfig
from tests.data.made import class_folders


@pytest.mark.parametrize("key", ["weights", "name"])
def test_other_content_of_a_teachers_file_is_another_teacher(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    file = tmp_path / "mine.pth"
    config = TeacherConfig.model_validate({"name": "timm:test_resnet", key: str(file)})
    images = ProjectImages(ImagesConfig(dataset=str(class_folders(tmp_path / "photos", "cat", "dog"))), find_chain("fashion"))
    stage = Teach(config, images, tmp_path / "teacher.safetensors", Compute())
    seen = []
    for content in (b"first", b"other", b"first"):
        file.write_bytes(content)
        os.utime(file, (1, 1))
        seen.append(computed(stage.inputs()))
    assert seen[0] == seen[2] != seen[1]
