"""Whether others measure the same: `dna-deploy verify --steady` beside MLPerf LoadGen, OpenVINO's benchmark_app and ONNX
Runtime's test tool, on the same files, each with one thread on the same processor.

    benchmarks/latency/cross_check/setup.sh && python -m benchmarks.latency.cross_check.run > benchmarks/results/cross_check.txt

Other tools cannot leave out what neighbours slow down. So they take many short turns, and those count right before and after
which the processor was at its best pace, as the visits of `--steady` do. Shown is the median of the turns that count against
the mean of two measurements of ours, before and after all turns; a tool that tells means is compared with our mean. Two
networks: one of `fashion`, and EfficientNet-B0, which is in `mbconv`; untrained, since latency does not depend on weights.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tabulate import tabulate

from dna_deploy.errors import UnstableMeasurementError
from dna_deploy.export.formats.model_file import export_architecture
from dna_deploy.latency.measure import measure_model
from dna_deploy.latency.pace import Pace
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.catalog.mbconv import PUBLISHED
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target
from dna_deploy.units import Duration

HERE, BENCHMARKS = Path(__file__).parent, Path(__file__).parents[2]
NETWORKS = {
    "fashion": ("24:k5e6,k3e3/40:k7e6,k5e3/80:k7e6,k5e3", 400),
    "mbconv": (PUBLISHED["efficientnet-b0"], 15),
}
"""Space -> a network, and the runs of a turn: a tenth or a fifth of a second."""

TURNS = 15
PLAN = SamplingPlan(least_s=1.0, steady=True)
PROCESSOR = max(os.sched_getaffinity(0))
ONNX_RUNTIME = Target(name="cross-check", threads=1, pin=(PROCESSOR,))
OPENVINO = ONNX_RUNTIME.model_copy(update={"runtime": "openvino", "provider": "CPU"})


def p50(samples: Samples) -> float:
    return samples.p50.seconds


def mean(samples: Samples) -> float:
    return float(samples.seconds.mean())


@dataclass(frozen=True)
class Tool:
    """Another tool: how `tool.py` calls it, and the statistic of our samples that is the one it tells."""

    title: str
    name: str
    target: Target
    tells: Callable[[Samples], float]
    least_runs: int = 0
    """A turn: where the first run of a session, which takes four times as long, is among those averaged."""

    @property
    def python(self) -> Path:
        return BENCHMARKS / ".environments" / "loadgen" / "bin" / "python" if self.name == "loadgen" else Path(sys.executable)


TOOLS = (
    Tool("MLPerf LoadGen, SingleStream", "loadgen", ONNX_RUNTIME, p50),
    Tool("onnxruntime.tools.onnxruntime_test", "onnxruntime_test", ONNX_RUNTIME, mean, least_runs=75),
    Tool("benchmark_app", "benchmark_app", OPENVINO, p50),
)


@contextmanager
def turns_of(tool: Tool, model: Path, runs: int) -> Iterator[Callable[[], float]]:
    """Takes a turn of a tool that is loaded already: what it says of one inference, in seconds."""
    script = [str(tool.python), str(HERE / "tool.py"), tool.name, str(model), str(PROCESSOR)]
    command, environment = [*script, str(max(runs, tool.least_runs))], {**os.environ, "OMP_NUM_THREADS": "1"}
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, text=True, bufsize=1, env=environment) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        asking, answering = process.stdin, process.stdout

        def turn() -> float:
            asking.write("\n")
            return float(answering.readline())

        turn()  # what is loaded late is loaded now
        yield turn
        asking.close()


def steady_samples(model: Path, target: Target, tries: int = 10) -> Samples:
    """Our own measuring; it gives up on a processor that others slow down for long, and is then asked again."""
    try:
        return measure_model(model, target, PLAN).samples
    except UnstableMeasurementError as error:
        print(f"{target.runtime}: {error.message}", file=sys.stderr, flush=True)
        if tries == 1:
            raise
    return steady_samples(model, target, tries - 1)


def steady_turns(turn: Callable[[], float], title: str) -> list[float]:
    """Turns before and after which the processor was at its best pace, from the processor that they run on."""
    everywhere, found = os.sched_getaffinity(0), list[float]()
    os.sched_setaffinity(0, {PROCESSOR})
    try:
        pace = Pace()
        while len(found) < TURNS:
            found += [ns * 1e-9 for ns in pace.undisturbed(lambda: [round(turn() * 1e9)])[0]]
            print(f"{title}: {len(found)} of {TURNS} turns", file=sys.stderr, flush=True)
    except UnstableMeasurementError as error:
        print(f"{title}: {error.message}", file=sys.stderr)
    finally:
        os.sched_setaffinity(0, everywhere)
    return found


def compare(space: str, model: Path, runs: int, tool: Tool) -> tuple[object, ...]:
    """A line of the table."""
    with turns_of(tool, model, runs) as turn:
        before = steady_samples(model, tool.target)
        turns = steady_turns(turn, f"{space}, {tool.title}")
        after = steady_samples(model, tool.target)
    line = (space, tool.target.runtime, tool.title, tool.tells.__name__, *(Duration(tool.tells(of)) for of in (before, after)))
    if not turns:
        return (*line, "-", 0, "-", "-")
    ours = (tool.tells(before) + tool.tells(after)) / 2
    low, *_, high = statistics.quantiles(turns, n=10) if len(turns) > 1 else (*turns, *turns)
    against = [f"{seconds / ours - 1:+.1%}" for seconds in (statistics.median(turns), low, high)]
    return (*line, Duration(statistics.median(turns)), len(turns), against[0], f"{against[1]} to {against[2]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="only lines with this text, such as 'fashion MLPerf'")
    asked = parser.parse_args()
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in ("onnxruntime", "openvino"))
    print(f"{versions}; processor {PROCESSOR} of {os.cpu_count()}, load {os.getloadavg()[0]:.1f} at the start\n")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for name, (line, runs) in NETWORKS.items():
            space = find_chain(name).with_head()
            exported = export_architecture(space, space.parse(line), None, Path(folder) / name)
            chosen = [tool for tool in TOOLS if asked.only in f"{name} {tool.title}"]
            rows += [compare(name, exported.path, runs, tool) for tool in chosen]
    headers = ("network", "runtime", "measured by", "tells", "ours", "ours after", "its", "turns", "against ours", "p10 to p90")
    print(tabulate(rows, headers=headers, disable_numparse=True))
    print(
        "\nONNX Runtime's onnxruntime_perf_test is a C++ program that no package of PyPI or Debian 12 ships, so it is missing;"
    )
    print(
        "the test tool that its Python package does ship tells means only, and was given sessions of one thread from outside."
    )


if __name__ == "__main__":
    main()
