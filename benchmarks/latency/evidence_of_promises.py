"""What promises are worth on this machine: fresh demos that end kept, and intervals that cover unseen networks of every size.

    python -m benchmarks.latency.evidence_of_promises demos --folder demos --count 10   (two to three hours on two cores)
    python -m benchmarks.latency.evidence_of_promises coverage fashion --each 12  (about three minutes)

``demos`` walks the demo into a folder of its own each time and prints what its card says, and by how much the journey's own
estimates of what was left were off; benchmarks/results/promise_demos.csv keeps a row a demo. ``coverage`` makes a table and
measures, in the same rounds, networks that it does not see, from the smallest of the space to the largest; it counts those
within the 95 % interval of their prediction, and says how far off predictions are beside measuring twice: the halves of each
network's visits in one session, and the same network in two sessions, whose memory lies elsewhere.
"""

from __future__ import annotations

import argparse
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from tabulate import tabulate

from benchmarks.rows import add_rows, read_rows
from dna_deploy.export.kits.kit import KitPlan, choose_networks, kit_of_layers
from dna_deploy.latency.fidelity import Fidelity
from dna_deploy.latency.profile import profile_kit
from dna_deploy.latency.table import table_from_runs
from dna_deploy.records.model_card import Absent, ModelCard
from dna_deploy.records.probe_kit import ProbeKit
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.spaces.scaling import of_size
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from dna_deploy.units import Duration

SIZES = {"smallest": (0.0, 0.15), "middle": (0.4, 0.6), "largest": (0.85, 1.0)}
CONFIDENCE_95, CLASSES, COPY, DRAWS_EACH = 1.96, 10, " again", 20
DEMOS = Path(__file__).parents[1] / "results" / "promise_demos.csv"
STARTS = re.compile(r"\(\d+ of \d+; .*about ([\d.]+) (ms|s|min|h) left\)")
SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}


def demos(count: int, folder: Path) -> list[dict[str, str]]:
    """One fresh demo a row, until there are so many rows; one that was begun in the folder goes on."""
    while (number := len(read_rows(DEMOS))) < count:
        place = folder / f"demo-{number}"
        place.mkdir(parents=True, exist_ok=True)
        code, said = walk(
            [sys.executable, "-m", "dna_deploy.cli.app", "demo", "--folder", str(place)], place.with_suffix(".log")
        )
        promise, verdict, looks = promise_of(place / "model" / "model.card.json")
        row = {
            "exit code": str(code),
            "promise": promise,
            "verdict": verdict,
            "pace": looks,
            "said left / was": estimates(said),
        }
        when, minutes = f"{datetime.now(UTC):%Y-%m-%d %H:%M}", f"{said[-1][0] / 60:.0f}"
        add_rows(DEMOS, [{"demo": str(number + 1), "ended": when, "min": minutes, **row}])
        print(read_rows(DEMOS)[-1], flush=True)
    return read_rows(DEMOS)


def walk(command: list[str], log: Path) -> tuple[int, list[tuple[float, str]]]:
    """Runs a command; its exit code and its lines, each with the seconds after which it came."""
    began, said = time.monotonic(), []
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as walking,
        log.open("a") as file,
    ):
        for line in walking.stdout or ():
            said.append((time.monotonic() - began, line.rstrip()))
            print(f"{said[-1][0]:7.1f} {said[-1][1]}", file=file, flush=True)
    return walking.returncode, [*said, (time.monotonic() - began, "")]


def promise_of(path: Path) -> tuple[str, str, str]:
    """Promise, verdict and pace as a card has them."""
    if not path.exists():
        return "no file", "", ""
    card = ModelCard.read(path)
    pace = None if isinstance(card.measured, Absent) else card.measured.pace
    looks = "" if pace is None else f"{pace.ratio - 1:+.1%} ± {pace.standard_error:.1%}, {pace.looks} looks"
    return card.promise, card.verdict, looks


def estimates(said: list[tuple[float, str]]) -> str:
    """What each stage's first line says is left, over what was: the middle, and how many within a factor of two."""
    end = said[-1][0]
    spoken = [(at, STARTS.search(line)) for at, line in said]
    ratios = [float(match[1]) * SECONDS[match[2]] / (end - at) for at, match in spoken if match and end - at > 1]
    within = sum(0.5 <= ratio <= 2 for ratio in ratios)
    return f"{np.median(ratios):.2f} ({within} of {len(ratios)})" if ratios else ""


def unseen(space: HeadedSpace, each: int, seed: int, seen: Collection[Architecture]) -> dict[str, list[Architecture]]:
    """Different networks of every size, drawn by a seed that no kit uses; fewer where there are no more."""
    rng = random.Random(f"unseen {seed}")
    drawn = {
        name: [of_size(space, rng.uniform(*part), lambda: rng.uniform(-0.1, 0.1)) for _ in range(DRAWS_EACH * each)]
        for name, part in SIZES.items()
    }
    return {name: [one for one in dict.fromkeys(networks) if one not in seen][:each] for name, networks in drawn.items()}


def with_copies(kit: ProbeKit) -> ProbeKit:
    """The same, and every validation network once more, which gets a session of its own."""
    copies = {
        probe.model_copy(update={"key": f"{probe.key}{COPY}", "file": probe.file.replace("-", "-1")}): kit.graphs[probe.file]
        for probe in kit.probes("validation")
    }
    manifest = kit.manifest.model_copy(update={"probes": (*kit.manifest.probes, *copies)})
    return ProbeKit(manifest, {**kit.graphs, **{probe.file: content for probe, content in copies.items()}})


def coverage(space: HeadedSpace, plan: SamplingPlan, each: int, seed: int, journal: Path) -> tuple[list[dict[str, str]], str]:
    """A row a size: the share of intervals that cover, how wide they are, how far off predictions are; and what the table says.

    Networks are timed in the rounds of the table, whose pace its intervals speak of; the table sees calibration networks alone.
    """
    kit_plan = KitPlan()
    (calibration, _) = choose_networks(space, kit_plan.seed, kit_plan.calibration_networks, 0)
    sizes = unseen(space, each, seed, calibration[1])
    judged = tuple(network for networks in sizes.values() for network in networks)
    kit = with_copies(kit_of_layers(space, space.rows(), kit_plan, (calibration, ("validation", judged))))
    run = profile_kit(kit, default_target(), plan, journal, validation_networks=2 * len(judged))
    table, timed = table_from_runs([run], space), {probe.key: probe.samples for probe in run.of("validation")}
    rows = []
    for name, networks in sizes.items():
        samples, others = ([timed[f"{network}{copy}"] for network in networks] for copy in ("", COPY))
        predicted = [table.predict(space, network).seconds for network in networks]
        widths = [CONFIDENCE_95 * table.error_of(space, network) for network in networks]
        measured, elsewhere, first, second = (
            [part.statistic("p50") for part in parts]
            for parts in (samples, others, *zip(*(each.halves() for each in samples), strict=True))
        )
        rows.append(
            {
                "size": name,
                "networks": str(len(networks)),
                "covered by 95 %": f"{np.mean(np.abs(np.divide(predicted, measured) - 1) <= widths):.0%}",
                "interval": f"± {np.mean(widths):.1%}",
                "table off": f"{Fidelity.of(predicted, measured).mean_absolute_error:.1%}",
                "measured twice": f"{Fidelity.of(first, second).mean_absolute_error:.1%}",
                "in two sessions": f"{Fidelity.of(elsewhere, measured).mean_absolute_error:.1%}",
            }
        )
    fitted = table.calibration("p50")
    offset = f"{'-' if fitted.offset_s < 0 else ''}{Duration(abs(fitted.offset_s))}"
    return rows, f"{plan.rounds} rounds, grade {table.grade}; scale {fitted.scale:.3f}, offset {offset}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("demos", "coverage"))
    parser.add_argument("space", nargs="?", default="fashion")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--folder", type=Path, help="where demos, or visits, are kept, so that a kill loses none")
    parser.add_argument("--each", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--steady", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        if asked.what == "demos":
            rows = demos(asked.count, asked.folder or Path(name))
            print(tabulate(rows, "keys", disable_numparse=True))
            print(f"\n{sum(row['promise'] == 'kept' for row in rows)} of {len(rows)} kept")
            return
        bare = find_chain(asked.space)
        plan = SamplingPlan(rounds=asked.rounds, steady=asked.steady)
        space = bare.with_head(bare.head_for(CLASSES))
        rows, about = coverage(space, plan, asked.each, asked.seed, (asked.folder or Path(name)) / "journal")
        print(tabulate(rows, "keys", disable_numparse=True))
        print(f"\n{about}")


if __name__ == "__main__":
    main()
