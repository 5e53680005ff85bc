"""Transformers and networks of other sizes teach as well: what blocks get of them, against timm's own word on its features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from torch import nn

from dna_deploy.errors import UsageError
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.cutting import CutByModules, cut_network
from dna_deploy.nets.teachers.pretrained import Known, load_pretrained
from dna_deploy.nets.teachers.reading import Reading, grid_of, shape_of
from dna_deploy.nets.teachers.teacher import Teacher, load_teacher, write_pretrained
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.shapes import FeatureMap, Tokens

SPACE = find_chain("mbconv@64")
IMAGES = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
SMALL: dict[str, dict[str, Any]] = {
    "vit_tiny_patch16_224": {"img_size": 64, "depth": 8},
    "vit_small_patch16_dinov3": {"img_size": 64, "embed_dim": 96, "num_heads": 3, "depth": 8},
    "swin_tiny_patch4_window7_224": {"img_size": 64, "window_size": 2, "embed_dim": 24, "depths": (1, 1, 2, 1)},
    "hiera_tiny_224": {"img_size": 64},
    "mvitv2_tiny": {"img_size": 64},
    "levit_128s": {"img_size": 64},
    "mixer_s32_224": {"img_size": 64},
}
"""Transformers of each kind, made small."""


def built(name: str) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = timm.create_model(name, pretrained=False, num_classes=7, **SMALL[name]).eval()
        for weights in network.parameters():
            if not weights.any():  # some heads begin with zeros
                nn.init.normal_(weights, std=0.02)
    return network


def grids(cut: CutByModules) -> list[tuple[int, ...]]:
    return [reading.grid for reading in cut.readings]


@pytest.mark.parametrize("name", SMALL)
@torch.no_grad()
def test_a_transformer_teaches_maps_of_every_blocks_size(name: str) -> None:
    network = built(name)
    cut = cut_network(network, SPACE)
    teacher = Teacher.freeze(name, "sha256:0", cut, SPACE.input)
    teacher.check_fits(SPACE)
    features = teacher.features(IMAGES)
    assert [tuple(feature.shape[2:]) for feature in features] == [(16, 16), (8, 8), (4, 4), (4, 4), (2, 2), (2, 2)]
    assert torch.equal(features[2], features[3]) == (cut.cuts[2] == cut.cuts[3])
    scores = teacher.scores_from(features[-1])
    assert scores.shape == (3, 7)
    assert not torch.allclose(scores[0], scores[1]), "the scores do not follow the features"
    alone = teacher.features(IMAGES[:1])
    assert all(torch.allclose(both[:1], one, atol=1e-4) for both, one in zip(features, alone, strict=True))


@pytest.mark.parametrize("name", list(SMALL)[:4])
@torch.no_grad()
def test_features_stand_where_timm_says(name: str) -> None:
    """Class and register tokens are left out; Hiera's tokens, which stand in the order of its windows, are put in rows."""
    network = built(name)
    cut = cut_network(network, SPACE)
    told = network.forward_intermediates(IMAGES, intermediates_only=True, **({"coarse": False} if "hiera" in name else {}))
    outputs: dict[str, torch.Tensor] = {}
    hooks = [
        network.get_submodule(path).register_forward_hook(lambda _m, _i, output, path=path: outputs.update({path: output}))
        for path in cut.cuts
    ]
    network(IMAGES)
    for hook in hooks:
        hook.remove()
    of_stages = [pair for pair in zip(cut.cuts, cut.readings, strict=True) if not ("swin" in name and "blocks" in pair[0])]
    for path, reading in of_stages:
        own = reading.model_copy(update={"size": reading.grid}).read(outputs[path])
        assert any(features.shape == own.shape and torch.allclose(features, own, atol=1e-5) for features in told), path


@torch.no_grad()
def test_what_is_read_is_written_back_and_the_rest_is_kept() -> None:
    for shape, places in (((16, 6), ()), ((4, 4, 5), ()), ((5, 4, 4), ()), ((21, 6), tuple(range(5, 21)))):
        output = torch.randn(2, *shape)
        read = shape_of(output, 2, FeatureMap(3, 64, 64))
        assert read is not None
        own = places or (tuple(range(16)) if isinstance(read, Tokens) else ())
        reading = Reading(output=str(read), grid=(4, 4), places=own, size=(4, 4))
        assert reading.read(output).shape[2:] == (4, 4)
        assert torch.equal(reading.write(reading.read(output), output), output)
        changed = reading.write(torch.zeros_like(reading.read(output)), output[:1])
        assert changed.shape == output.shape
        if places:
            assert torch.equal(changed[:, :5], output[:1, :5].expand(2, -1, -1))
            assert not changed[:, 5:].any()


def test_places_are_told_from_the_lengths_of_sequences() -> None:
    square, wide = FeatureMap(3, 224, 224), FeatureMap(3, 112, 224)
    lengths = {197: (14, 14), 198: (14, 14), 201: (14, 14), 196: (14, 14), 50: (7, 7), 49: (7, 7)}
    assert {length: grid_of(Tokens(length, 8), square) for length in lengths} == lengths
    assert grid_of(Tokens(99, 8), wide) == (7, 14)
    assert grid_of(Tokens(190, 8), square) is None
    assert grid_of(FeatureMap(8, 16, 196), square) is None


@torch.no_grad()
def test_a_file_of_a_transformer_teaches_the_same(tmp_path: Path) -> None:
    space = find_chain("mbconv@32")
    pretrained = load_pretrained("timm:test_vit3", Known.NONE, space.input)
    cut = cut_network(pretrained.network, space, (), pretrained.made_for)
    assert cut.resolution == (160, 160)
    assert any("160x160: those of 32x32 are resized" in remark for remark in cut.remarks)
    write_pretrained(tmp_path / "teacher.safetensors", "timm:test_vit3", cut, facts={})
    teacher = load_teacher(tmp_path / "teacher.safetensors")
    images = IMAGES[..., :32, :32]
    assert all(map(torch.equal, teacher.features(images), cut.features(images)))
    assert torch.equal(teacher.scores(images), cut.head(cut.features(images)[-1]))


@torch.no_grad()
def test_blocks_of_tokens_learn_from_transformers_and_from_convolutions() -> None:
    space = find_chain("vit@64")
    for network in (built("vit_tiny_patch16_224"), timm.create_model("resnet18", pretrained=False)):
        teacher = Teacher.freeze("t", "sha256:0", cut_network(network, space), space.input)
        teacher.check_fits(space)
        features = teacher.features(IMAGES)
        assert {tuple(feature.shape[1:2]) for feature in features} == {(17,)}
        supernet = SupernetBlock(space, 1, teacher.shapes, edges="adaptors", share_depths=True)
        outputs = supernet.forward_paths(features[0], [(0,) * len(trunk.cell.layers) for trunk in supernet.plan])
        assert all(output.shape == features[1].shape for output in outputs)


def test_transformers_are_cut_by_hand_as_well_but_not_where_all_is_in_the_class_token() -> None:
    network, names = built("vit_tiny_patch16_224"), tuple(f"blocks.{number}" for number in (0, 1, 2, 3, 4, 6))
    assert cut_network(network, SPACE, names).cuts == names
    with pytest.raises(UsageError, match=r"cannot be cut after 'blocks\.7'"):
        cut_network(network, SPACE, (*names[:5], "blocks.7"))


def test_where_a_stage_is_one_block_two_blocks_share_its_end() -> None:
    cut = cut_network(timm.create_model("densenet121", pretrained=False), SPACE)
    assert cut.cuts[2] == cut.cuts[3]
    assert any("several blocks imitate the same features" in remark for remark in cut.remarks)


def test_a_network_of_parallel_branches_teaches_though_none_is_all_of_it() -> None:
    cut = cut_network(timm.create_model("hrnet_w18_small", pretrained=False), SPACE)
    assert len(set(cut.cuts)) >= 4
    assert grids(cut) in ([], [(16, 16), (8, 8), (4, 4), (4, 4), (2, 2), (2, 2)])


def test_networks_that_know_no_places_say_so() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Sequential(nn.Linear(3 * 64 * 64, 8), nn.ReLU(), nn.Linear(8, 3)))
    with pytest.raises(UsageError, match="no features that know places of the image"):
        cut_network(network, SPACE)


def test_images_that_windows_do_not_divide_are_refused_where_no_size_is_known() -> None:
    with pytest.raises(UsageError, match="does not take images of 3x112x112") as caught:
        cut_network(timm.create_model("maxvit_rmlp_pico_rw_256", pretrained=False), find_chain("mbconv@112"))
    assert "resolution" in caught.value.hint
