"""What a judge must keep, so that parity with it means something."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np

from dna_deploy.contracts.tiny import expected_scores, is_refused, relative_error, tiny_images, tiny_model
from dna_deploy.spaces.examples import TINY


class JudgeContract:
    """Inherit it, and give the name of a judge of ONNX files."""

    name: str

    def test_it_computes_what_torch_does(self) -> None:
        from dna_deploy.export.checks.judge import open_judge

        images = tiny_images()
        with tiny_model() as model:
            judged = open_judge(self.name, model.path)(images)
            error = relative_error(judged, expected_scores(model, images))
        assert error < 1e-4, f"{self.name} is {error:.1e} off"

    def test_it_takes_any_number_of_images_whatever_the_model_takes(self) -> None:
        from dna_deploy.export.checks.judge import open_judge

        for batch in (1, 2, None):
            with tiny_model(batch) as model:
                scores = open_judge(self.name, model.path)
                for count in (1, 3, 4):
                    judged = scores(tiny_images(count))
                    assert judged.shape == (count, TINY.out_channels), (
                        f"{count} images into a model of batch {batch} gave {judged.shape}"
                    )

    def test_it_says_the_same_twice_and_leaves_images_and_file_alone(self) -> None:
        from dna_deploy.export.checks.judge import open_judge

        images = tiny_images()
        before = images.copy()
        with tiny_model() as model:
            content = model.path.read_bytes()
            scores = open_judge(self.name, model.path)
            assert np.array_equal(scores(images), scores(images)), "the same images got other scores"
            assert model.path.read_bytes() == content, "it wrote into the file"
        assert np.array_equal(images, before), "it changed the images"

    def test_what_is_no_model_is_not_judged(self) -> None:
        from dna_deploy.export.checks.judge import open_judge

        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "model.onnx"
            path.write_bytes(b"\x08\x07no model")
            assert is_refused(lambda: open_judge(self.name, path)(tiny_images()), Exception), (
                "it judged a file that is no model"
            )
