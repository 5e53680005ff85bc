"""Weights of one's own: whatever training script wrote the file, and one true line about files that are none."""

from __future__ import annotations

import argparse
import collections
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.nets.teachers.checkpoints import read_checkpoint
from dna_deploy.nets.teachers.cutting import cut_network
from dna_deploy.nets.teachers.pretrained import Known, load_pretrained
from dna_deploy.nets.teachers.teacher import load_teacher, write_pretrained
from dna_deploy.spaces.catalog import find_space
from dna_deploy.spaces.operations import FeatureMap
from dna_deploy.training.config import TeacherConfig
from dna_deploy.training.teachers import _check_file

INPUT = FeatureMap(3, 64, 64)


def small(classes: int = 5, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    network: nn.Module = timm.create_model("test_resnet", num_classes=classes)
    return network


def prefixed(state: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {prefix + name: tensor for name, tensor in state.items()}


WRAPPINGS: dict[str, Any] = {
    "plain": lambda own, other: own,
    "state_dict": lambda own, other: {"state_dict": own, "epoch": 3},
    "model": lambda own, other: {"model": own, "optimizer": {"state": {}, "param_groups": []}},
    "model_state_dict": lambda own, other: {"model_state_dict": own, "loss": 0.5},
    "average first": lambda own, other: {"model": other, "model_ema": own},
    "average of timm": lambda own, other: {"state_dict": other, "state_dict_ema": own, "version": 2},
    "average with a count": lambda own, other: {
        "model": other, "ema": {**prefixed(own, "module."), "n_averaged": torch.tensor(3)}
    },
    "teacher": lambda own, other: {"student": prefixed(other, "module."), "teacher": prefixed(own, "module."), "epoch": 1},
    "parallel": lambda own, other: prefixed(own, "module."),
    "compiled": lambda own, other: prefixed(own, "_orig_mod."),
    "compiled and parallel": lambda own, other: {"model": prefixed(own, "module._orig_mod.")},
    "a script's class": lambda own, other: {"state_dict": prefixed(own, "model.") | {"criterion.weight": torch.ones(3)}},
    "arguments": lambda own, other: {"model": own, "args": argparse.Namespace(lr=0.1, out=Path("runs/x"), betas=(0.9, 0.99))},
    "a mean without names": lambda own, other: {"ema": {"decay": 0.9, "shadow_params": [*other.values()]}, "model": own},
    "before counters": lambda own, other: {
        f"module.{name}": tensor for name, tensor in own.items() if not name.endswith("num_batches_tracked")
    },
    "NumPy beside": lambda own, other: {
        "model": own, "best": np.float64(0.5), "curve": np.zeros(3), "d": collections.defaultdict(list)
    },
}  # fmt: skip


@pytest.mark.parametrize("wrapping", WRAPPINGS)
def test_weights_are_found_however_they_were_wrapped(tmp_path: Path, wrapping: str) -> None:
    own, other = small(seed=1), small(seed=2)
    torch.save(WRAPPINGS[wrapping](own.state_dict(), other.state_dict()), tmp_path / "mine.pth")
    network = small(seed=3)
    checkpoint = read_checkpoint(tmp_path / "mine.pth")
    checkpoint.load_into(network)
    for name, tensor in own.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor), name
    assert checkpoint.is_average == wrapping.startswith("average")


@pytest.mark.parametrize("ending", ["safetensors", "bin"])
def test_safetensors_are_known_by_what_they_hold(tmp_path: Path, ending: str) -> None:
    save_file(dict(small(seed=1).state_dict()), tmp_path / f"mine.{ending}")
    read_checkpoint(tmp_path / f"mine.{ending}").load_into(small())


def test_a_teacher_has_as_many_classes_as_its_weights(tmp_path: Path) -> None:
    own = small(classes=37, seed=1).eval()
    torch.save({"state_dict": own.state_dict()}, tmp_path / "mine.pth")
    network = load_pretrained("timm:test_resnet", tmp_path / "mine.pth", INPUT).network.eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network(images), own(images))


def test_a_teachers_file_remembers_its_classes(tmp_path: Path) -> None:
    space = find_space("mbconv@112")
    torch.save(timm.create_model("resnet18", num_classes=7).state_dict(), tmp_path / "mine.pth")
    pretrained = load_pretrained("timm:resnet18", tmp_path / "mine.pth", space.input)
    write_pretrained(tmp_path / "t.safetensors", "timm:resnet18", cut_network(pretrained.network, space), facts={})
    assert load_teacher(tmp_path / "t.safetensors").classes == 7


def scripted(path: Path) -> None:
    torch.jit.save(torch.jit.script(nn.Linear(2, 2)), path)


def archive(path: Path) -> None:
    with path.open("wb") as file:
        np.savez(file, a=np.zeros(3))


def zipped(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("photo.txt", "x")


def truncated(path: Path) -> None:
    torch.save(small().state_dict(), path)
    path.write_bytes(path.read_bytes()[:5000])


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
        (b"\n<!DOCTYPE html><html></html>", "is a web page"),
        (b"<html>404</html>", "is a web page"),
        (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
        (b"\x93NUMPY\x01\0", "is an array of NumPy"),
        (b'{"metadata": {}, "weight_map": {}}', "is JSON, such as an index of several files"),
        (b"\x1f\x8b\x08\0", "is packed with gzip"),
        (b"rubbish", "cannot read the weights"),
        (b"\x89PNG\r\n\x1a\n", "it is no file of torch"),
        (archive, "is an archive of NumPy arrays"),
        (scripted, "is a scripted module"),
        (zipped, "is a zip archive without weights"),
        (truncated, "cannot read the weights .* it is truncated"),
        (lambda path: torch.save(small(), path), "holds code besides tensors, which is not run: timm"),
        (lambda path: torch.save({"epoch": 3}, path), "holds no state dict: its keys are epoch"),
        (lambda path: torch.save([1, 2], path), "holds no state dict"),
    ],
)
def test_files_that_are_no_weights_get_one_true_line(tmp_path: Path, content: Any, message: str) -> None:
    path = tmp_path / "mine.pth"
    path.write_bytes(content) if isinstance(content, bytes) else content(path)
    with pytest.raises(UsageError, match=message) as caught:
        read_checkpoint(path)
    assert caught.value.hint
    assert "\n" not in caught.value.message


def test_where_file_and_network_differ_both_sides_are_named(tmp_path: Path) -> None:
    state = small().state_dict()
    state["extra.weight"] = state.pop("conv1.0.weight") if "conv1.0.weight" in state else state.pop(next(iter(state)))
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(UsageError, match=r"another network: it has extra\.weight; the network has "):
        read_checkpoint(tmp_path / "mine.pth").load_into(small())


def test_weights_that_are_no_numbers_are_said_so(tmp_path: Path) -> None:
    state = small().state_dict()
    name = next(name for name, tensor in state.items() if tensor.is_floating_point())
    state[name] = torch.full_like(state[name], float("nan"))
    torch.save(state, tmp_path / "mine.pth")
    with pytest.raises(UsageError, match=rf"1 of {len(state)} weights in .* are NaN or infinite, first {name}"):
        read_checkpoint(tmp_path / "mine.pth").load_into(small())


def test_weights_beside_a_teacher_that_takes_none_are_refused(tmp_path: Path) -> None:
    for config in (TeacherConfig(weights=Path("mine.pth")), TeacherConfig(name="residual", cuts=("layer1",))):
        with pytest.raises(UsageError, match="takes none"):
            config.check()
    with pytest.raises(UsageError, match=r"no file of weights .*mine\.pth"):
        TeacherConfig(name="timm:resnet18", weights=tmp_path / "mine.pth").check()


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_without_their_network_are_told_how_to_be_given(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"mine.{ending}"
    (save_file if ending == "safetensors" else torch.save)(dict(small().state_dict()), path)
    with pytest.raises(UsageError, match="may hold weights, but not which network they are of") as caught:
        _check_file(TeacherConfig(name=str(path)))
    assert f"--teacher-weights {path}" in caught.value.hint


def test_published_weights_that_no_package_carries_are_said_so() -> None:
    for model in ("3", "4"):
        with pytest.raises(DependencyError, match=f"no package carries the weights of efficientnet-lite:{model}"):
            load_pretrained(f"efficientnet-lite:{model}", Known.PUBLISHED, FeatureMap(3, 224, 224))


def test_an_unknown_model_gets_a_short_hint() -> None:
    with pytest.raises(UsageError) as caught:
        load_pretrained("timm:zzzzqqqq", Known.PUBLISHED, INPUT)
    assert len(caught.value.hint) < 200
