"""What a teacher that is taken from files depends on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from dna_deploy.errors import InfeasibleError
from dna_deploy.learning.compute import Compute
from dna_deploy.pipeline.images import ImagesConfig, ProjectImages
from dna_deploy.pipeline.runner import computed
from dna_deploy.pipeline.stages.search import LatencyPromise
from dna_deploy.pipeline.stages.teach import Teach
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.training.config import TeacherConfig
from tests.data.made import class_folders
from tests.export.made import TABLE
from tests.spaces.chains import FASHION


@pytest.mark.parametrize("key", ["weights", "name"])
def test_other_content_of_a_teachers_file_is_another_teacher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str) -> None:
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


def test_a_latency_that_no_network_keeps_is_refused_before_a_teacher_is_made(tmp_path: Path) -> None:
    TABLE.write(tmp_path / "table.json")
    promises = {
        text: LatencyPromise(text, "p50", tmp_path / "table.json", True, SamplingPlan()) for text in ("1ns", "1s", "0%")
    }
    for possible in ("1s", "0%"):
        promises[possible].check(FASHION)
    images = ProjectImages(ImagesConfig(dataset=str(tmp_path / "nowhere")), find_chain("fashion"))
    file = tmp_path / "teacher.safetensors"
    stage = Teach(TeacherConfig(), images, file, Compute(), ready=lambda: promises["1ns"].check(FASHION))
    with pytest.raises(InfeasibleError, match="no architecture of 'fashion' has latency") as caught:
        stage.run(tmp_path / "work", lambda progress: None)
    assert "the fastest network takes" in caught.value.hint
