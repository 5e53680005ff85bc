"""Peak memory and time a candidate of rating one block with 1,000 to 16,848 candidates, at 224 pixels.

    python -m benchmarks.rating.memory                 (a process a size; some minutes)

Block 5 of mbconv, whole, and with its first cells and fewer layers in the last of them, rated as ever: the teacher emits the
features of a batch, the block walks over its candidates, and both are gone before the next batch. Processor seconds, which
other work touches least.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import time
from dataclasses import replace
from math import prod

import torch
from tabulate import tabulate

from dna_deploy.nets.teachers.scaled import ScaledConfig, ScaledNetwork
from dna_deploy.nets.teachers.teacher import Teacher
from dna_deploy.rating.raters.dna.block_rating import rate_batch
from dna_deploy.rating.raters.dna.config import RatingConfig
from dna_deploy.rating.raters.dna.training import build_supernet
from dna_deploy.spaces.block import Cell
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.scaling import Scaling, largest, scaled

SIZES, BLOCK = (1_000, 4_000, 16_848), 4
IMAGES, BATCHES = 2, 1


def space_of(candidates: int) -> HeadedSpace:
    """mbconv, with about so many candidates in its fifth block: its first cells, with fewer layers at the end of the last."""
    space = find_chain("mbconv")
    block = space.blocks[BLOCK]
    cells: list[Cell] = []
    for cell in block.cells:
        missing = candidates - (replace(block, cells=tuple(cells)).count() if cells else 0)
        *layers, last = cell.layers
        kept = min(len(last), round(missing / prod(map(len, layers))))
        if kept == 0:
            break
        cells.append(replace(cell, layers=(*layers, last[:kept])))
    blocks = (*space.blocks[:BLOCK], replace(block, cells=tuple(cells)), *space.blocks[BLOCK + 1 :])
    return replace(space, blocks=blocks).with_head()


def row(candidates: int) -> str:
    """Candidates, MiB before the walk and at its peak, seconds a candidate and image."""
    torch.set_num_threads(1)
    space = space_of(candidates)
    network = ScaledNetwork(ScaledConfig.for_space(space, scaled(space, largest(space), Scaling())))
    teacher = Teacher.freeze("largest", "untrained", network, space.input)
    supernet, count, spent = build_supernet(space, BLOCK, teacher, RatingConfig()), space.blocks[BLOCK].count(), 0.0
    before_walk = 0.0
    for number in range(BATCHES):
        images = torch.randn(IMAGES, *space.input.sizes, generator=torch.Generator().manual_seed(number))
        features = teacher.features(images)
        before_walk = before_walk or peak_mib()
        began = time.process_time()
        rate_batch(supernet, features[BLOCK - 1], features[BLOCK])
        spent += time.process_time() - began
    return f"{count:,}\t{before_walk:.0f}\t{peak_mib():.0f}\t{1000 * spent / count / IMAGES / BATCHES:.2f}"


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--candidates", type=int, help="of this process alone")
    candidates = parser.parse_args().candidates
    if candidates is not None:
        print(row(candidates))
        return
    rows = []
    for size in SIZES:  # a peak is never forgotten by a process
        command = [sys.executable, "-m", "benchmarks.rating.memory", "--candidates", str(size)]
        rows.append(subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip().split("\t"))
    headers = ("candidates", "peak before, MiB", "peak, MiB", "ms a candidate and image")
    print(tabulate(rows, headers, "github", disable_numparse=True))


if __name__ == "__main__":
    main()
