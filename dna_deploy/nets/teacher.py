"""A trained network cut into blocks: what the blocks of a space imitate. Frozen; nothing here changes its weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.nets.batch_norm import recalibrate
from dna_deploy.nets.cutting import Inputs, cut_network
from dna_deploy.nets.pretrained import load_pretrained
from dna_deploy.nets.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.tensor_file import TensorFile, file_digest
from dna_deploy.records.files import digest_of
from dna_deploy.spaces.operations import FeatureMap
from dna_deploy.spaces.space import SearchSpace


class CutNetwork(Protocol):
    """What a network must offer to teach: its features after every block, and its scores from the last of them."""

    def features(self, x: torch.Tensor) -> list[torch.Tensor]: ...

    def head(self, features: torch.Tensor) -> torch.Tensor: ...


@dataclass(frozen=True, eq=False)
class Teacher:
    """A frozen network, and the shapes of its features after every block."""

    name: str
    digest: str
    network: nn.Module
    shapes: tuple[FeatureMap, ...]
    classes: int

    @classmethod
    def freeze(cls, name: str, digest: str, network: nn.Module, input: FeatureMap) -> Teacher:
        """A teacher from any cut network, in inference mode, without gradients."""
        network = network.eval().requires_grad_(False).to(memory_format=torch.channels_last)
        with torch.inference_mode():
            features = network.features(torch.zeros(1, input.channels, input.height, input.width))  # type: ignore[operator]
            scores = network.head(features[-1])  # type: ignore[operator]
        shapes = tuple(FeatureMap(*feature.shape[1:]) for feature in features)
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

    def check_fits(self, space: SearchSpace) -> None:
        """Raises `UsageError` unless every block of the space has features of its size to imitate."""
        if len(self.shapes) != len(space.blocks):
            raise UsageError(
                f"teacher {self.name!r} is cut into {len(self.shapes)} blocks; {space.name!r} has {len(space.blocks)}",
                "set its block boundaries by hand, or take another teacher",
            )
        for index, shape in enumerate(self.shapes):
            wanted = space.block_inputs(index + 1)[0]
            if (shape.height, shape.width) != (wanted.height, wanted.width):
                raise UsageError(
                    f"block {index + 1} of {space.name!r} emits {wanted.height}x{wanted.width} features; "
                    f"teacher {self.name!r} has {shape.height}x{shape.width} there",
                    "its strides do not match: set its block boundaries by hand, or take another teacher",
                )


def write_teacher(path: Path, network: ResidualNetwork, input: FeatureMap, *, name: str, facts: Mapping[str, object]) -> None:
    """Writes a residual network as a teacher file that `load_teacher` reads; ``facts`` says more about it."""
    own = {"teacher": "residual", "name": name, "config": network.config.model_dump(), "input": str(input)}
    TensorFile(network.state_dict(), {**facts, **own}).write(path)


def load_teacher(path: Path) -> Teacher:
    """The teacher in a file of `write_teacher`.

    Raises:
        UsageError: the file holds no teacher.
    """
    file = TensorFile.read(path, "teacher")
    if file.facts.get("teacher") != "residual":
        raise UsageError(f"{path} holds no teacher", "train one with: dna-deploy teachers --train")
    network = ResidualNetwork(ResidualConfig.model_validate(file.facts["config"]))
    network.load_state_dict(dict(file.tensors))
    channels, height, width = map(int, str(file.facts["input"]).split("x"))
    return Teacher.freeze(str(file.facts["name"]), file_digest(path), network, FeatureMap(channels, height, width))


def pretrained_teacher(
    name: str,
    space: SearchSpace,
    inputs: Inputs,
    *,
    weights: Path | None = None,
    cuts: Sequence[str] = (),
    calibration: Iterable[torch.Tensor] = (),
) -> Teacher:
    """A pretrained network as a teacher for a space.

    Args:
        name: ``source:model``, such as ``timm:resnet18``.
        space: gives the block boundaries and the shape of images.
        inputs: mean and deviation of the images that it will be given.
        weights: a file instead of the published weights.
        cuts: modules after which to cut, one a block; found by themselves otherwise.
        calibration: images at the working resolution on which its batch norms gather their statistics anew; none: as trained.

    Raises:
        UsageError: unknown name, weights that do not belong, or strides that do not match the space.
        DependencyError: the package or the weights are not here.
    """
    found = load_pretrained(name, weights, space.input.channels)
    network = cut_network(found.network, space, cuts)
    network.expect(inputs, (found.mean, found.deviation))
    batches = list(calibration)
    if batches:
        recalibrate(network, batches)
    state = b"".join(tensor.cpu().contiguous().numpy().tobytes() for tensor in network.state_dict().values())
    digest = digest_of(f"{name} {network.cuts} {digest_of(state)}".encode())
    return Teacher.freeze(name, digest, network, space.input)
