"""A trained network cut into blocks: what the blocks of a space imitate. Frozen; nothing here changes its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.learning.tensor_file import TensorFile, file_digest, read_facts
from dna_deploy.nets.teachers.cutting import CutByModules
from dna_deploy.nets.teachers.pretrained import Known, OfClasses, load_pretrained
from dna_deploy.nets.teachers.reading import Reading
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.shapes import FeatureMap, Shape, Tokens


@dataclass(frozen=True, eq=False)
class Teacher:
    """A frozen network, and the shapes of its features after every block."""

    name: str
    digest: str
    network: nn.Module
    shapes: tuple[Shape, ...]
    classes: int
    path: Path | None = None

    def __reduce__(self) -> tuple[Callable[..., Teacher], tuple[object, ...]]:
        """Another process reads a teacher's file, which is cheaper than being sent its weights."""
        if self.path is not None:
            return load_teacher, (self.path,)
        return Teacher, (self.name, self.digest, self.network, self.shapes, self.classes)

    @classmethod
    def freeze(cls, name: str, digest: str, network: nn.Module, input: FeatureMap) -> Teacher:
        """A teacher from any cut network, in inference mode, without gradients."""
        network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            features = network.features(torch.zeros(1, input.channels, input.height, input.width))  # type: ignore[operator]
            scores = network.head(features[-1])  # type: ignore[operator]
        shapes = tuple((FeatureMap if feature.ndim == 4 else Tokens)(*feature.shape[1:]) for feature in features)
        return cls(name, digest, network, shapes, int(scores.shape[1]))

    @torch.no_grad()
    def features(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Its features after every block, for normalised images ``(batch, channels, height, width)``."""
        outputs: list[torch.Tensor] = self.network.features(images)  # type: ignore[operator]
        return outputs

    @torch.no_grad()
    def scores(self, images: torch.Tensor) -> torch.Tensor:
        """Its class scores, ``(batch, classes)``."""
        return self.scores_from(self.features(images)[-1])

    @torch.no_grad()
    def scores_from(self, features: torch.Tensor) -> torch.Tensor:
        """Class scores from features in the place of its last block's, ``(batch, classes)``."""
        scores: torch.Tensor = self.network.head(features)  # type: ignore[operator]
        return scores

    def check_fits(self, space: ChainSpace) -> None:
        """Raises `UsageError` unless every block of the space has features of its size to imitate."""
        if len(self.shapes) != len(space.index.frames):
            raise UsageError(
                f"teacher {self.name!r} is cut into {len(self.shapes)} blocks; {space.name!r} has {len(space.index.frames)}",
                "set its block boundaries by hand, or take another teacher",
            )
        for index, (shape, expected) in enumerate(zip(self.shapes, space.index.frames, strict=True)):
            if (type(shape), shape.extent) != (type(expected), expected.extent):
                raise UsageError(
                    f"block {index + 1} of {space.name!r} emits {_places(expected)} features; "
                    f"teacher {self.name!r} has {_places(shape)} there",
                    "its strides do not match: set its block boundaries by hand, or take another teacher",
                )


def _places(shape: Shape) -> str:
    """How many places features are known at: ``14x14`` for a map, ``197 token``."""
    return "x".join(map(str, shape.extent)) + (" token" if isinstance(shape, Tokens) else "")


def write_teacher(
    path: Path, network: ResidualNetwork | ScaledNetwork, input: FeatureMap, *, name: str, facts: Mapping[str, object]
) -> None:
    """Writes a network trained here as a teacher file that `load_teacher` reads; ``facts`` says more about it."""
    kind = "residual" if isinstance(network, ResidualNetwork) else "scaled"
    own = {"teacher": kind, "name": name, "config": network.config.model_dump(), "input": str(input)}
    TensorFile(network.state_dict(), {**facts, **own}).write(path)


def write_pretrained(path: Path, model: str, network: CutByModules, *, facts: Mapping[str, object]) -> None:
    """Writes a cut network from elsewhere, called ``source:model``, as a teacher file."""
    channels, height, width = network.input.channels, network.input.height, network.input.width
    with torch.inference_mode():
        classes = network.eval()(torch.zeros(2, channels, height, width)).shape[1]
    own = {
        "teacher": "pretrained",
        "name": model,
        "cuts": network.cuts,
        "prefix_batch": network.prefix_batch,
        "classes": classes,
        "readings": [reading.model_dump() for reading in network.readings],
        "resolution": network.resolution,
    }
    TensorFile(network.state_dict(), {**facts, **own, "input": str(network.input)}).write(path)


def is_teacher_file(path: Path) -> bool:
    """Whether this tool wrote the file as a teacher."""
    try:
        return "teacher" in read_facts(path)
    except (SafetensorError, ValueError):
        return False


def load_teacher(path: Path) -> Teacher:
    """The teacher in a file.

    Raises:
        UsageError: the file holds no teacher.
        DependencyError: the package that defines its network is not here.
    """
    file = TensorFile.read(path, "teacher")
    channels, height, width = map(int, str(file.facts.get("input", "0x0x0")).split("x"))
    input = FeatureMap(channels, height, width)
    network: nn.Module
    match file.facts.get("teacher"):
        case "residual":
            network = ResidualNetwork(ResidualConfig.model_validate(file.facts["config"]))
        case "scaled":
            network = ScaledNetwork(ScaledConfig.model_validate(file.facts["config"]))
        case "pretrained":
            shape_name, classes = str(file.facts.get("shape_name") or file.facts["name"]), file.facts.get("classes")
            pretrained = load_pretrained(shape_name, OfClasses(classes) if classes else Known.NONE, input)
            readings = [Reading.model_validate(reading) for reading in file.facts.get("readings", ())]
            resolution = tuple(file.facts.get("resolution") or (height, width))
            network = CutByModules(pretrained.network, file.facts["cuts"], input, readings, resolution)
            network.prefix_batch = file.facts["prefix_batch"]
        case _:
            raise UsageError(f"{path} holds no teacher", "make one with: dna-deploy rate --teacher NAME")
    network.load_state_dict(dict(file.tensors))
    return replace(Teacher.freeze(str(file.facts["name"]), file_digest(path), network, input), path=path)
