"""Whether fifty architectures come apart into units, and are the same network again with all of them kept.

    python -m benchmarks.fit.units > benchmarks/results/units.md

What was looked at before stands in `benchmarks/results/units.csv` and is not looked at again.

Weights are random; answers are compared on three images that the units were not found with.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tabulate import tabulate
from torch import nn

from benchmarks.rows import add_rows, read_rows
from dna_deploy.errors import UsageError
from dna_deploy.fit.units import find_units
from dna_deploy.spaces.shapes import FeatureMap

TIMM = {
    64: """resnet50 regnety_002 densenet121 vgg11_bn hrnet_w18_small efficientnet_b0 mobilenetv3_large_100
        mobilenetv4_conv_small convnext_atto repvit_m0_9 fastvit_t8 efficientvit_b0 edgenext_xx_small poolformer_s12
        dm_nfnet_f0 ghostnet_100 dla34 hgnetv2_b0 dpn68 rexnet_100 repvgg_a0 pvt_v2_b0 coat_lite_tiny
        coat_tiny xcit_nano_12_p16_224 mobilevit_xxs beit_base_patch16_224""",
    224: """efficientformerv2_s0 efficientvit_m0 levit_128s vit_tiny_patch16_224 deit_tiny_patch16_224
        swin_tiny_patch4_window7_224 eva02_tiny_patch14_224 mixer_s32_224 pit_ti_224
        twins_pcpvt_small hiera_tiny_224 cait_xxs24_224 mvitv2_tiny nest_tiny davit_tiny""",
    96: "inception_v3",
    240: "crossvit_tiny_240",
    256: "swinv2_tiny_window8_256 maxvit_rmlp_pico_rw_256",
}
TORCHVISION = {64: "squeezenet1_1 shufflenet_v2_x0_5", 224: "swin_t vit_b_16"}
RESIZED = ("xcit", "coat", "beit")
TOLERANCE, YES = 1e-5, "yes"
ROWS = Path("benchmarks/results/units.csv")


def build(name: str, size: int) -> nn.Module:
    """A network of ten classes with random weights, of the size where it has one of its own."""
    torch.manual_seed(0)
    if name.startswith("torchvision:"):
        from torchvision import models

        return models.get_model(name.partition(":")[2], weights=None, num_classes=10)
    import timm

    settings: dict[str, Any] = {"num_classes": 10, **({"img_size": size} if name.startswith(RESIZED) else {})}
    network: nn.Module = timm.create_model(name, **settings)
    return network


def row(name: str, size: int) -> dict[str, object]:
    """One line of the table."""
    network, input = build(name, size).eval(), FeatureMap(3, size, size)
    line: dict[str, object] = {"architecture": name, "size": size}
    try:
        found = find_units(network, input)
    except UsageError as error:
        return {
            **line,
            **dict.fromkeys(("units", "cuts", "may be skipped", "work inside", "error"), ""),
            "comes apart": error.message,
        }
    units = found.network.units
    images = torch.randn(3, *input.sizes, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        expected = network(images)
        same = found.network.replaced({unit.path: found.network.module(unit.path) for unit in units})(images)
    error = ((same - expected).abs() / expected.abs().clamp(min=1)).max().item()
    return {
        **line,
        "units": len(units),
        "cuts": sum(unit.is_cut for unit in units),
        "may be skipped": sum("skip" in unit.may for unit in units),
        "work inside": f"{found.share:.0%}",
        "error": f"{error:.0e}",
        "comes apart": YES if error <= TOLERANCE else "keeping every unit gives other answers",
    }


def architectures() -> list[tuple[str, int]]:
    """All of them, and the size of their images; those of small ones first."""
    names = [(name, size) for size, listed in TIMM.items() for name in listed.split()]
    names += [(f"torchvision:{name}", size) for size, listed in TORCHVISION.items() for name in listed.split()]
    return sorted(names, key=operator.itemgetter(1))


def completed(file: Path, row: Callable[[str, int], dict[str, object]]) -> list[dict[str, str]]:
    """The rows of a file, with those of architectures that were missing; prints them."""
    there = {line["architecture"] for line in read_rows(file)}
    for name, size in architectures():
        if name not in there:
            add_rows(file, [row(name, size)])
    rows = read_rows(file)
    print(tabulate(rows, "keys", tablefmt="github", disable_numparse=True))
    return rows


def main() -> None:
    """Adds the rows that are missing, and prints the table."""
    rows = completed(ROWS, row)
    apart = sum(line["comes apart"] == YES for line in rows)
    print(f"\n{apart} of {len(rows)} come apart into units, and are the same with all of them kept.")


if __name__ == "__main__":
    main()
