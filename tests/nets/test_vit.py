"""Vision transformers: DeiT is a member to the digit, and what does not divide is refused."""

from __future__ import annotations

import pytest
import timm
import torch

from dna_deploy.errors import UsageError
from dna_deploy.nets.network import Network
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.vit import PUBLISHED


@pytest.mark.parametrize("name", PUBLISHED)
def test_deit_has_the_parameters_that_timm_counts(name: str) -> None:
    network = timm.create_model(f"{name.replace('-', '_')}_patch16_224")
    space = find_chain("vit").with_head()
    layers = space.place(space.parse(PUBLISHED[name]))
    assert sum(layer.parameters for layer in layers) == sum(parameter.numel() for parameter in network.parameters())


def test_deit_computes_here_what_it_computes_in_timm() -> None:
    space = find_chain("vit@48").with_head()
    theirs = timm.create_model("deit_tiny_patch16_224", img_size=48).eval()
    ours = Network(space, space.parse(PUBLISHED["deit-tiny"])).eval()
    first = ("cls_token", "pos_embed", "patch_embed.proj.weight", "patch_embed.proj.bias")
    state = {name: tensor.clone() for name, tensor in theirs.state_dict().items()}
    token, places, weight, bias = (state.pop(name) for name in first)
    entry = {"places": places[0], "first": token[0], "cut.weight": weight, "cut.bias": bias}
    rest = [name for name in ours.state_dict() if not name.startswith("blocks.0.0.")]
    named = {f"blocks.0.0.{name}": tensor for name, tensor in entry.items()}
    ours.load_state_dict(named | dict(zip(rest, state.values(), strict=True)))
    images = torch.randn(1, 3, 48, 48)
    with torch.inference_mode():
        torch.testing.assert_close(ours(images), theirs(images), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("vit@100", "patches of 16 pixels do not divide images of 100x100"),
        ("windowed@100", "windows of 7x7 do not divide 25x25"),
    ],
)
def test_a_resolution_that_does_not_divide_is_refused(name: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        find_chain(name).with_head().rows()
    assert "resolution" in caught.value.hint
