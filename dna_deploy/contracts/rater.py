"""What a rater must keep, so that every command can use it. Torch comes late."""

from __future__ import annotations

import json
import math
import random
import tempfile
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from dna_deploy.contracts.tiny import is_refused
from dna_deploy.errors import DnaDeployError, UsageError
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.records.files import Part, digest_of
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.values import read_values

if TYPE_CHECKING:
    import torch

    from dna_deploy.data.image_set import ImageSet
    from dna_deploy.data.splits import ImageData
    from dna_deploy.rating.rater import Rater

_IMAGES, _HELD_OUT, _NETWORKS = 24, 12, 4
_ROOMS: dict[str, tempfile.TemporaryDirectory[str]] = {}
"""Folders that the tests of a rater share, until the process ends: what is trained once is trained once."""


class _KilledError(Exception):
    """Stands for a kill: nothing after it runs."""


class RaterContract:
    """Inherit it; name a rater, with ``settings`` that make its training short. Images are noise of two classes."""

    name: str
    settings: ClassVar[Mapping[str, object]] = {}
    space: str = "fashion"

    @cached_property
    def found_space(self) -> ChainSpace:
        """The space as the command line finds it."""
        return find_chain(self.space)

    def test_it_has_a_default_for_every_setting_and_says_what_each_means(self) -> None:
        from dna_deploy.rating.rater import load_rater

        config = load_rater(self.name).config
        config()
        assert config.model_validate_json(config().model_dump_json()) == config(), "settings do not survive JSON"
        unsaid = [
            name for name, field in config.model_fields.items() if not (field.description or isinstance(field.default, Part))
        ]
        assert not unsaid, f"no description says what is meant by {', '.join(unsaid)}"

    def test_it_says_numbers_of_one_kind_of_any_network(self) -> None:
        scores = self._whole().score(self._networks)
        assert len(scores) == _NETWORKS, f"{len(scores)} scores for {_NETWORKS} networks"
        for score in scores:
            numbers = [each.value for each in (score, *score.further)]
            assert all(map(math.isfinite, numbers)), f"a score is no number: {score}"
            assert [each.kind for each in (score, *score.further)] == [each.kind for each in (scores[0], *scores[0].further)], (
                "scores are of several kinds"
            )
            assert score.standard_error is None or score.standard_error >= 0

    def test_a_score_does_not_depend_on_what_is_scored_beside_it(self) -> None:
        rater = self._whole()
        apart = [rater.score([network])[0] for network in reversed(self._networks)]
        assert _near(apart[::-1], rater.score(self._networks)), "a network has another score in company"

    def test_its_run_opens_it_again_and_it_says_the_same(self) -> None:
        from dna_deploy.rating.rater import Rater, open_rater

        rater = self._whole()
        opened = open_rater(rater.work.folder, Rater)
        assert (opened.work.method, opened.work.identity) == (self.name, rater.work.identity)
        assert opened.work.config.model_dump_json() == rater.work.config.model_dump_json(), "it was opened with other settings"
        assert opened.score(self._networks) == rater.score(self._networks), "opened again it has other scores"

    def test_equal_inputs_give_equal_scores(self) -> None:
        assert self._rater("again").score(self._networks) == self._whole().score(self._networks)

    def test_killed_and_resumed_it_leaves_what_an_uninterrupted_one_does(self) -> None:
        def kill(progress: Progress) -> None:
            if progress.done == 2:
                raise _KilledError

        killed = self._rater("killed")
        try:
            killed.train(kill)
        except _KilledError:
            killed = self._rater("killed")
            killed.train()
        whole = self._whole()
        assert _contents(killed.work.folder).items() <= _contents(whole.work.folder).items(), "a resumed training is another"
        assert killed.score(self._networks) == whole.score(self._networks)

    def test_it_keeps_no_pickles_and_reads_none(self) -> None:
        import torch

        self._whole()
        spoilt = self._rater("pickles")
        spoilt.train()
        for path in filter(Path.is_file, spoilt.work.folder.rglob("*")):
            assert not path.read_bytes().startswith((b"PK", b"\x80")), f"{path.name} is a pickle, which can run code"
            if path.suffix == ".safetensors":
                torch.save({"step": 3}, path)
                assert is_refused(self._rater("pickles").train, UsageError), f"a pickle in the place of {path.name} was read"

    def test_the_folder_of_other_inputs_is_refused(self) -> None:
        other = self._rater("whole", seed=1)
        if other.work.identity != self._whole().work.identity:
            assert is_refused(other.train, UsageError), "a folder that other inputs made was taken"

    def test_a_network_of_another_space_is_refused(self) -> None:
        cut = Architecture.of(self._networks[0].parts[:-1])
        assert is_refused(lambda: self._whole().score([cut]), UsageError), "a network without its last block was scored"

    def test_it_reads_labels_only_if_it_says_so(self) -> None:
        from dna_deploy.rating.rater import load_rater

        if load_rater(self.name).needs.labels:
            return
        data = self._data
        parts = {name: replace(part, source=Unlabelled(part.source)) for name, part in _splits(data).items()}
        self._rater("unlabelled", replace(data, **parts)).score(self._networks[:1])

    def test_its_histories_are_drawn_in_the_report(self) -> None:
        from dna_deploy.records.training_history import TrainingHistory
        from dna_deploy.report.evidence import select
        from dna_deploy.report.findings import gather
        from dna_deploy.report.sections.curves import curves_section

        folder = self._whole().work.folder
        if any('"training-history"' in path.read_text() for path in folder.rglob("*.json")):
            findings = gather([folder])
            drawn = " ".join(str(piece) for piece in curves_section(select(findings)).pieces).lower()
            for history in findings.of(TrainingHistory):
                assert history.subject in drawn, f"no curve shows {history.subject}"

    def test_what_is_no_number_is_an_error_and_never_saved(self) -> None:
        from dna_deploy.rating.rater import load_rater

        if not {"learning_rate", "epochs"} <= load_rater(self.name).config.model_fields.keys():
            return
        wild = self._rater("wild", learning_rate=1e12, epochs=20)
        assert is_refused(wild.train, DnaDeployError), "a training that cannot go well went on"
        for path in wild.work.folder.rglob("*.safetensors"):
            weights = {key: tensor for key, tensor in _tensors(path).items() if key.endswith("weight")}
            spoilt = [key for key, tensor in weights.items() if not np.isfinite(tensor).all()]
            assert not spoilt, f"{path.name} holds weights that are no numbers: {spoilt}"

    def test_its_table_holds_every_candidate_and_refuses_none_of_its_own(self) -> None:
        from dna_deploy.rating.rater import AdditiveRater

        rater = self._whole()
        if not isinstance(rater, AdditiveRater):
            return
        table = rater.table()
        table.check_space(rater.work.space)
        rater.work.check_ratings(table)
        assert table.method == self.name
        assert all(math.isfinite(table.of(rater.work.space, network)) for network in self._networks)

    def test_a_table_that_is_asked_for_first_is_that_of_what_was_trained_first(self) -> None:
        from dna_deploy.rating.rater import AdditiveRater

        rater, untrained = self._whole(), self._rater("table-first")
        if isinstance(rater, AdditiveRater) and isinstance(untrained, AdditiveRater):
            assert untrained.table().blocks == rater.table().blocks, "a table is another where nothing was trained before"

    def test_its_second_stage_orders_a_shortlist(self) -> None:
        from dna_deploy.rating.rater import RefiningRater

        rater = self._whole()
        if not isinstance(rater, RefiningRater):
            return
        table = rater.table()
        refined = rater.second_stage(table).refine(self._networks)
        assert {network.architecture for network in refined.networks} == set(map(str, self._networks))
        assert is_refused(lambda: rater.second_stage(table.model_copy(update={"dataset": "another"})), DnaDeployError), (
            "a table made from other images was taken"
        )

    @cached_property
    def _networks(self) -> tuple[Architecture, ...]:
        rng, drawn = random.Random(0), dict[Architecture, None]()
        while len(drawn) < _NETWORKS:
            drawn[self.found_space.sample(rng)] = None
        return tuple(drawn)

    @property
    def _room(self) -> Path:
        """A folder for all tests of this rater."""
        key = f"{type(self).__module__}.{type(self).__qualname__}"
        if key not in _ROOMS:
            _ROOMS[key] = tempfile.TemporaryDirectory()
        return Path(_ROOMS[key].name)

    @cached_property
    def _data(self) -> ImageData:
        from dna_deploy.data.config import DataConfig
        from dna_deploy.data.splits import load_data

        folder = self._room / "images"
        if not folder.exists():
            _write_images(folder, self.found_space)
        held_out = {"rating_images": _HELD_OUT, "validation_images": _HELD_OUT}
        return load_data(DataConfig(dataset=str(folder), train_images=_IMAGES, **held_out), self.found_space.input)

    def _whole(self) -> Rater:
        """A rater that is trained."""
        rater = self._rater("whole")
        rater.train()
        return rater

    def _rater(self, folder: str, data: ImageData | None = None, on_progress: OnProgress = silent, **changes: object) -> Rater:
        from dna_deploy.learning.compute import Compute
        from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
        from dna_deploy.nets.teachers.teacher import load_teacher, write_teacher
        from dna_deploy.rating.rater import load_rater, make_rater

        kind, teacher = load_rater(self.name), None
        if kind.needs.teacher:
            path = self._room / "teacher.safetensors"
            if not path.exists():
                network = ResidualNetwork(ResidualConfig.for_space(self.found_space.with_head(), 1.0, 1))
                write_teacher(path, network, self.found_space.input, name="random", facts={})
            teacher = load_teacher(path)
        config = read_values(kind.config, {**self.settings, **changes}, f"the settings of {self.name}")
        return make_rater(
            self.name, self.found_space, data or self._data, config, self._room / folder,
            teacher=teacher, compute=Compute(checkpoint_seconds=0),
        )  # fmt: skip


class Unlabelled:
    """Images whose labels must not be asked for."""

    def __init__(self, images: ImageSet) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def images(self, indices: torch.Tensor) -> torch.Tensor:
        return self._images.images(indices)

    def labels(self, indices: torch.Tensor) -> torch.Tensor:
        raise AssertionError("labels were asked for, though `needs` does not say so")


def _splits(data: ImageData) -> dict[str, Any]:
    return {name: getattr(data, name) for name in ("train", "rating", "validation", "test")}


def _write_images(folder: Path, space: ChainSpace) -> None:
    """A folder of two classes of noise, dark and bright."""
    from PIL import Image

    rng = np.random.default_rng(0)
    for name, darkest in (("dark", 0), ("bright", 120)):
        (folder / name).mkdir(parents=True)
        for number in range(_IMAGES // 2 + 2 * _HELD_OUT):
            pixels = rng.integers(darkest, darkest + 136, (space.input.height, space.input.width, 3), np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{number}.png")


def _near(some: list[Any], others: tuple[Any, ...]) -> bool:
    """Whether scores are equal up to rounding."""
    return all(math.isclose(a.value, b.value, rel_tol=1e-4, abs_tol=1e-6) for a, b in zip(some, others, strict=True))


def _contents(folder: Path) -> dict[str, object]:
    """What the files in a folder say, but for when and where they were written."""
    said: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix == ".json":
            said[name] = {**json.loads(path.read_text()), "provenance": None, "digest": None}
        elif path.suffix == ".safetensors":
            said[name] = {key: digest_of(tensor.tobytes()) for key, tensor in _tensors(path).items()}
    return said


def _tensors(path: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    return load_file(path)
