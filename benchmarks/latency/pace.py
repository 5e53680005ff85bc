"""Which work tells the pace that networks go at? Two kinds beside every layer and network of a space.

    python -m benchmarks.latency.pace fashion --seconds 60  (on a shared machine, alone: nothing of ours running)

Steady is a visit with the work at its best pace, within 3 %, on both sides. Beside it: what layers and networks took where the
work went at a pace, over what they took where it was steady, as the median of them. Work that is like them is as slow as they.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import itertools
import random
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tabulate import tabulate

from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.latency.pace import LIMIT, multiply
from dna_deploy.latency.runners import open_runner
from dna_deploy.latency.worker import pin_process
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.targets.target_file import default_target

CLASSES, RUNS, LEAST_VISITS = 10, 2, 8
EDGES = (1.0, 1 + LIMIT, 1.06, 1.1, 1.2, 1.4)
BYTES = bytes(4096)


def hash_pages() -> None:
    """Work without wide multiplications: about 40 microseconds."""
    digest = hashlib.blake2b()
    for _ in range(8):
        digest.update(BYTES)
    digest.digest()


WORKS: dict[str, Callable[[], None]] = {"hashing": hash_pages, "multiplying": multiply}


def took_ns(work: Callable[[], None]) -> int:
    """The better of two looks."""
    looks = []
    for _ in range(2):
        begin = time.perf_counter_ns()
        work()
        looks.append(time.perf_counter_ns() - begin)
    return min(looks)


def watch(space_name: str, seconds: float) -> np.ndarray:
    """A visit a row: which probe, what each work took before and after it, and the mean of its runs, in nanoseconds."""
    bare = find_chain(space_name)
    kit = cached_kit(bare.with_head(bare.head_for(CLASSES)))
    probes = kit.probes("layer", "calibration")
    runner, rows, rng = open_runner(default_target()), list[tuple[float, ...]](), random.Random(0)
    with tempfile.TemporaryDirectory() as folder:
        kit.unpack(Path(folder), tuple(probe.file for probe in probes))
        sessions = [runner.load(Path(folder) / probe.file) for probe in probes]
        gc.disable()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for number in rng.sample(range(len(sessions)), len(sessions)):
                before = [took_ns(work) for work in WORKS.values()]
                sessions[number].run()
                samples = sessions[number].time_runs(RUNS)
                after = [took_ns(work) for work in WORKS.values()]
                rows.append((number, *before, *after, float(np.mean(samples))))
        gc.enable()
    return np.array(rows)


def told(visits: np.ndarray, column: int) -> list[str]:
    """How often a work was steady, and how slow probes were at each pace of it."""
    number, samples = visits[:, 0], visits[:, -1]
    sides = visits[:, [1 + column, 1 + column + len(WORKS)]]
    pace = sides / sides.min()
    steady = (pace <= 1 + LIMIT).all(1)
    cells = [f"{steady.mean():.0%}"]
    for low, high in itertools.pairwise(EDGES):
        within = ((pace >= low) & (pace < high)).all(1)
        slower = [
            np.median(samples[within & (number == probe)]) / np.median(samples[steady & (number == probe)])
            for probe in np.unique(number)
            if min((within & (number == probe)).sum(), (steady & (number == probe)).sum()) >= LEAST_VISITS
        ]
        cells.append(f"{np.median(slower):.3f} ({len(slower)})" if slower else "-")
    return cells


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", nargs="?", default="fashion")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processor", type=int, default=0)
    asked = parser.parse_args()
    pin_process((asked.processor,))
    visits = watch(asked.space, asked.seconds)
    headers = ("work", "steady", *(f"at {low:.2f} to {high:.2f}" for low, high in itertools.pairwise(EDGES)))
    print(tabulate([[name, *told(visits, column)] for column, name in enumerate(WORKS)], headers, disable_numparse=True))
    print(f"\n{len(visits)} visits; in brackets how many layers and networks were seen at that pace")


if __name__ == "__main__":
    main()
