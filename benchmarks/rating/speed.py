"""What feature sharing saves, what supernet training costs beyond its own layers, and what rating keeps in memory.

One command: python -m benchmarks.rating.speed > benchmarks/results/rating_speed.json. Three claims, each measured side by
side in the same run, on one thread and in processor seconds, which other work on the machine touches least:

1. rating a block of depth 4 with 6 operations by a walk over shared prefixes saves at least 90 % of what theory allows
   (5,184 layer evaluations against 1,554: 3.3 times) against running every candidate on its own. Adaptor and error, which
   every candidate needs in both, are in the time and not in the theory;
2. training supernets takes at most 15 % longer than the bare forward and backward passes of the same layers, beside the
   teacher, whose share is printed;
3. a walk holds one feature map a layer, not one a candidate.

The committed result is of a calm hour and 64 images a step: 94 % of theory, 3 % over bare passes. Six runs of an evening with
busy neighbours, at the 16 images a step that are the default since, said 81 to 90 % of theory (single rounds 49 to 142 %) and 6
to 14 % over bare passes, all medians: the optimiser's share is larger where batches are small.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import torch
import torch.nn.functional as F

from dna_deploy.data.config import DataConfig
from dna_deploy.data.splits import load_data
from dna_deploy.learning.compute import Compute
from dna_deploy.learning.samplers.uniform import UniformPaths
from dna_deploy.learning.schedule import parameter_groups
from dna_deploy.nets.batch_norm import batch_statistics
from dna_deploy.nets.supernets.blocks import SupernetBlock
from dna_deploy.nets.teachers.residual import ResidualConfig, ResidualNetwork
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.raters.dna.block_rating import rate_batch, spent_error
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.training import build_supernet, train_blocks, training_batches
from dna_deploy.rating.raters.dna.work import BlockWork, block_work
from dna_deploy.spaces.block import Block, Cell
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.operations import MBConv, Pointwise
from dna_deploy.spaces.shapes import FeatureMap
from dna_deploy.targets.machine import processor_name

DEPTH, REPEATS = 4, 5
OPERATIONS = (MBConv(3, 1), MBConv(3, 3), MBConv(5, 3), MBConv(5, 6), MBConv(7, 6), Pointwise())


def deep_block() -> tuple[ChainSpace, Teacher]:
    """One block of stride 1, so that every layer costs the same and the theory is about time."""
    space = ChainSpace(
        name="deep",
        input=FeatureMap(16, 14, 14),
        stem=(),
        blocks=(Block(1, (Cell.uniform(16, DEPTH, OPERATIONS),)),),
        usual_head=find_chain("fashion").usual_head,
    )
    config = ResidualConfig(in_channels=16, stem_width=16, stem_stride=1, widths=(32,), strides=(1,), depth=1, classes=10)
    return space, Teacher.freeze("random", "random", ResidualNetwork(config), space.input)


def rate_naively(supernet: SupernetBlock, before: torch.Tensor, after: torch.Tensor) -> torch.Tensor:
    """Every candidate from the block's input to its output, on its own; its error is computed as in the walk."""
    with torch.no_grad(), batch_statistics(supernet):
        paths = product(range(len(OPERATIONS)), repeat=DEPTH)
        return (torch.stack([spent_error(after, supernet(before, 0, path)) for path in paths]) / after.std()).double()


def seconds(work: Callable[[], object]) -> float:
    """How long the processor works at it."""
    began = time.process_time()
    work()
    return time.process_time() - began


def sharing() -> dict[str, float]:
    """Claim 1, interleaved so that a change of clock speed meets both."""
    space, teacher = deep_block()
    supernet = build_supernet(space, 0, teacher, RatingConfig())
    before = torch.randn(8, 16, 14, 14).contiguous(memory_format=torch.channels_last)
    after = teacher.features(before)[0]
    shared, naive = [], []
    for _ in range(REPEATS):
        shared.append(seconds(lambda: rate_batch(supernet, before, after)))
        naive.append(seconds(lambda: rate_naively(supernet, before, after)))
    difference = float((rate_batch(supernet, before, after) - rate_naively(supernet, before, after)).abs().max())
    choices = len(OPERATIONS)
    theory = DEPTH * choices**DEPTH / ((choices ** (DEPTH + 1) - choices) / (choices - 1))
    gains = [alone / together for alone, together in zip(naive, shared, strict=True)]
    gain = statistics.median(gains)
    return {
        "shared_s": statistics.median(shared),
        "naive_s": statistics.median(naive),
        "gain": gain,
        "gain_lowest": min(gains),
        "gain_highest": max(gains),
        "gain_in_theory": theory,
        "share_of_theory": gain / theory,
        "largest_difference": difference,
    }


def training(folder: Path, steps: int = 20) -> dict[str, float]:
    """Claim 2, and the teacher's share, on the fashion space with real images; all parts in turn, again and again.

    The bare passes are those of the same layers, on the same paths and batches: gradients are cleared, a path runs forward,
    its loss backward, and nothing else. What training adds: the optimiser (Adam), images and their augmentation, drawing
    paths, losses, and saving; and the teacher, which is shown apart.
    """
    space = find_chain("fashion").with_head()
    config = RatingConfig(epochs=1)
    data = load_data(DataConfig(train_images=steps * config.batch), space.input)
    network = ResidualNetwork(ResidualConfig.for_space(space, 1.6, 1))
    teacher = Teacher.freeze("random", "random", network, space.input)
    work = block_work(space, teacher, data, config, folder, Compute(checkpoint_seconds=1e9))
    supernets = [build_supernet(space, index, teacher, config).train() for index in range(len(space.blocks))]
    optimisers = [torch.optim.Adam(parameter_groups(supernet, config.weight_decay), lr=1e-9) for supernet in supernets]
    batches = training_batches(work)
    images = [batches.at(step).inputs for step in range(steps)]
    features = [[batch, *teacher.features(batch)] for batch in images]

    def bare() -> None:
        for step in range(steps):
            for index, supernet in enumerate(supernets):
                supernet.zero_grad(set_to_none=True)
                paths = UniformPaths(supernet.plan, index, config.seed).draw(step)
                outputs = supernet.forward_paths(features[step][index], paths)
                torch.stack([F.mse_loss(output, features[step][index + 1]) for output in outputs]).mean().backward()

    parts: dict[str, Callable[[], float]] = {
        "bare_passes_s": lambda: seconds(bare),
        "training_s": lambda: _training_seconds(work, folder / str(time.perf_counter()), steps),
        "teacher_s": lambda: seconds(lambda: [teacher.features(batch) for batch in images]),
        "images_s": lambda: seconds(lambda: [batches.at(step) for step in range(steps)]),
        "optimiser_s": lambda: seconds(lambda: [optimiser.step() for _ in range(steps) for optimiser in optimisers]),
    }
    bare()  # warm
    rounds = [{name: part() for name, part in parts.items()} for _ in range(REPEATS)]
    found = {name: statistics.median(one[name] for one in rounds) for name in parts}
    beside = [(one["training_s"] - one["teacher_s"]) / one["bare_passes_s"] - 1 for one in rounds]
    return {
        **found,
        "overhead_beside_teacher": statistics.median(beside),
        "overhead_lowest": min(beside),
        "overhead_highest": max(beside),
        "share_of_teacher": found["teacher_s"] / found["training_s"],
    }


def _training_seconds(work: BlockWork, folder: Path, steps: int) -> float:
    """What ``steps`` steps take in a long training, where building and saving supernets do not count."""
    marks: list[float] = []
    train_blocks(replace(work, folder=folder), range(len(work.space.blocks)), lambda _: marks.append(time.process_time()))
    return (marks[-2] - marks[0]) / (len(marks) - 2) * steps


def memory() -> dict[str, float]:
    """Claim 3: feature maps alive at once during a walk over 1,296 candidates."""
    space, teacher = deep_block()
    supernet = build_supernet(space, 0, teacher, RatingConfig())
    alive: list[weakref.ref[torch.Tensor]] = []
    for operations in supernet.trunks[0].layers:  # type: ignore[union-attr]
        for operation in operations:
            operation.register_forward_hook(lambda _module, _input, output: alive.append(weakref.ref(output)))
    most = 0
    gc.collect()
    with torch.no_grad(), batch_statistics(supernet):
        for _ in supernet.walk(torch.randn(2, 16, 14, 14)):
            most = max(most, sum(feature() is not None for feature in alive))
    return {"candidates": len(OPERATIONS) ** DEPTH, "layers": DEPTH, "feature_maps_alive": most}


def main() -> None:
    """Measures all three and prints one JSON object."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    with TemporaryDirectory() as folder:
        found = {"sharing": sharing(), "training": training(Path(folder)), "memory": memory()}
    machine = {"processor": processor_name(), "torch": torch.__version__, "threads": torch.get_num_threads()}
    json.dump({"machine": machine, **found}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
