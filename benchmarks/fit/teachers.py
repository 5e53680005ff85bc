"""Whether fifty architectures can teach the blocks of `mbconv`: at which places, and with what made to fit.

    python -m benchmarks.fit.teachers > benchmarks/results/teachers.md

What was looked at before stands in `benchmarks/results/teachers.csv` and is not looked at again. Weights are random, and never
asked for; the space takes images of each architecture's size. To teach is to emit, for three new images, finite features of
every block's size, and scores that change with the features of the last.
"""

from __future__ import annotations

from pathlib import Path

import torch

from benchmarks.fit.units import YES, build, completed
from dna_deploy.errors import UsageError
from dna_deploy.nets.teachers.cutting import CutByModules, cut_network
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.spaces.catalog import find_chain

ROWS = Path("benchmarks/results/teachers.csv")
COLUMNS = ("architecture", "size", "images", "cuts", "places", "scores from the last", "teaches")


def row(name: str, size: int) -> dict[str, object]:
    """One line of the table."""
    network, space = build(name, size), find_chain("mbconv").with_resolution(size)
    for weights in network.parameters():
        if not weights.any():  # some heads begin with zeros
            torch.nn.init.normal_(weights, std=0.02)
    made_for = getattr(network, "pretrained_cfg", {}).get("input_size", (3, 224, 224))[1:]
    line: dict[str, object] = {**dict.fromkeys(COLUMNS, ""), "architecture": name, "size": size}
    try:
        cut = cut_network(network, space, (), made_for)
    except UsageError as error:
        return {**line, "teaches": error.message}
    teacher = Teacher.freeze(name, "sha256:0", cut, space.input)
    teacher.check_fits(space)
    images = torch.randn(3, *space.input.sizes, generator=torch.Generator().manual_seed(1))
    features, scores = teacher.features(images), teacher.network(images)
    are_sound = all(bool(values.isfinite().all()) and float(values.std()) > 0 for values in features)
    answers = teacher.scores_from(features[-1])
    return {
        **line,
        "images": "x".join(map(str, cut.resolution)),
        "cuts": " ".join(cut.cuts),
        "places": " ".join(_places(cut)),
        "scores from the last": "all of them" if torch.allclose(answers, scores, atol=1e-4) else "in part",
        "teaches": YES if are_sound and not torch.equal(answers[0], answers[1]) else "its scores do not follow its features",
    }


def _places(cut: CutByModules) -> list[str]:
    """The places of every block's features, and those that they are resized to."""
    changes = [(reading.grid, reading.size) for reading in cut.readings]
    return [f"{old[0]}" if old == new else f"{old[0]}->{new[0]}" for old, new in changes] or ["as the blocks"]


def main() -> None:
    """Adds the rows that are missing, and prints the table."""
    rows = completed(ROWS, row)
    print(f"\n{sum(line['teaches'] == YES for line in rows)} of {len(rows)} can teach `mbconv`.")


if __name__ == "__main__":
    main()
