"""What a format of an exported model must keep: the same network, in one file or one family of files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from dna_deploy.contracts.tiny import expected_scores, relative_error, tiny_images, tiny_model

if TYPE_CHECKING:
    from dna_deploy.export.formats.catalog import Format
    from dna_deploy.export.formats.model_file import ExportResult

_MOST_ERROR = {"fp32": 1e-3, "fp16": 0.02, "int8": 0.3}
"""Relative to how much scores differ at all: what the precision costs a network that was not trained for it."""


class FormatContract:
    """Inherit it, and give the name of a format."""

    name: str

    @cached_property
    def kind(self) -> Format:
        """The format as ``export --format`` finds it."""
        from dna_deploy.export.formats.catalog import find_format

        return find_format(self.name)

    def test_its_files_can_be_told_from_plain_onnx(self) -> None:
        assert self.kind.suffix.startswith("."), f"a suffix begins with a dot: {self.kind.suffix!r}"
        assert self.kind.suffix != ".onnx", "model.onnx is the plain model"

    def test_it_writes_the_file_and_what_lies_beside_bears_its_name(self) -> None:
        with tiny_model() as model, self._written(model) as path:
            assert path.is_file(), f"{path.name} was not written"
            stem = path.name.removesuffix(path.suffix)
            others = [file.name for file in path.parent.iterdir() if not file.name.startswith((stem, "weights."))]
            assert set(others) <= {model.path.name}, f"other files lie beside it: {others}"

    def test_the_plain_model_stays_as_it_was(self) -> None:
        with tiny_model() as model:
            before = model.path.read_bytes()
            with self._written(model):
                assert model.path.read_bytes() == before, "the conversion changed model.onnx"

    def test_every_judge_of_it_finds_the_same_network(self) -> None:
        from dna_deploy.export.checks.judge import open_judge

        if self.kind.takes_pictures:  # they come as bytes, and leave as probabilities
            return
        images = tiny_images()
        with tiny_model() as model, self._written(model) as path:
            expected = expected_scores(model, images)
            for judge in self.kind.judges:
                error = relative_error(open_judge(judge, path)(images), expected)
                assert error < _MOST_ERROR[self.kind.precision], f"{judge} finds it {error:.1e} off"

    @contextmanager
    def _written(self, model: ExportResult) -> Iterator[Path]:
        from dna_deploy.export.formats.catalog import Conversion
        from dna_deploy.export.formats.picture_size import PictureSize

        info = model.info.model_copy(update={"precision": self.kind.precision})
        size = PictureSize() if self.kind.takes_pictures else None
        path = model.path.with_suffix(self.kind.suffix)
        self.kind.convert(Conversion(model.path, info, tiny_images(64), size), path)
        yield path
