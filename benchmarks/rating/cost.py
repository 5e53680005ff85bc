"""What rating a space costs: seconds of one processor core a step of training and a rated image, and the memory for it.

    python -m benchmarks.rating.cost mbconv > benchmarks/results/cost_mbconv.txt        (some minutes)

Images are random and the teacher is untrained, since neither changes the time. Everything runs in one process on one thread, as
`dna-deploy rate` does with one job; times are processor seconds, which other work on the machine touches least.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from operator import itemgetter

import torch
import torch.nn.functional as F
from tabulate import tabulate

from dna_deploy.learning.samplers.uniform import UniformPaths
from dna_deploy.learning.schedule import adam
from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.raters.dna.block_rating import rate_batch
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.training import build_supernet
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.scaling import Scaling, largest, scaled

STEPS, RATED = 3, 2


def seconds(work: Callable[[], object]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def peak_gib() -> float:
    """The most memory that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


def block_row(space: ChainSpace, index: int, teacher: Teacher, features: list[torch.Tensor]) -> tuple[object, ...]:
    """What one block costs: a step of training its supernet, and all its candidates on one image."""
    config, block = RatingConfig(), space.blocks[index]
    supernet = build_supernet(space, index, teacher, config).train()
    optimiser, sampler = adam(supernet, config.learning_rate, config.weight_decay), UniformPaths(supernet.plan, index, 0)

    def step(number: int) -> None:
        outputs = supernet.forward_paths(features[index], sampler.draw(number))
        torch.stack([F.mse_loss(output, features[index + 1]) for output in outputs]).mean().backward()
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)

    step(0)
    step_s = seconds(lambda: list(map(step, range(1, STEPS + 1)))) / STEPS
    before, after = features[index][:RATED], features[index + 1][:RATED]
    with torch.no_grad():
        image_s = seconds(lambda: rate_batch(supernet, before, after)) / RATED
    return f"block {index + 1}", f"{block.count():,}", step_s, image_s, peak_gib()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space")
    space = find_chain(parser.parse_args().space).with_head()
    torch.set_num_threads(1)
    config = RatingConfig()
    network = ScaledNetwork(ScaledConfig.for_space(space, scaled(space, largest(space), Scaling())))
    teacher = Teacher.freeze("largest", "untrained", network, space.input)
    images = torch.randn(config.batch, space.input.channels, space.input.height, space.input.width)
    features = [images, *teacher.features(images)]
    teacher_s = seconds(lambda: [teacher.features(images) for _ in range(STEPS)]) / STEPS
    rows: list[tuple[object, ...]] = [("teacher, forward", "", teacher_s, 0.0, peak_gib())]
    rows += [block_row(space, index, teacher, features) for index in range(len(space.blocks))]
    total = (
        "all",
        f"{sum(block.count() for block in space.blocks):,}",
        *(sum(map(itemgetter(column), rows)) for column in (2, 3)),
    )
    print(f"{space.name}, {space.input}, {config.batch} images a step, torch {torch.__version__}, one thread\n")
    headers = ("part", "candidates", "s a training step", "s a rated image", "peak GiB so far")
    print(tabulate([*rows, (*total, peak_gib())], headers, "github", floatfmt=".2f"))


if __name__ == "__main__":
    main()
