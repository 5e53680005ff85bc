"""What does the user get for it? Networks that search found against others of the same latency, at three budgets.

    python -m benchmarks.what_you_get.run choose     (about half an hour of one core: teacher, supernets, ratings, SPOS)
    python -m benchmarks.what_you_get.run measure    (a minute of timing, alone on the machine: all networks interleaved)
    python -m benchmarks.what_you_get.run train      (about half an hour; stops and goes on at any time)
    python -m benchmarks.what_you_get.run show       (writes benchmarks/results/what_you_get.md and what_you_get.svg)

Everything is trained alike, by the recipe and on the images of the rating benchmark (`benchmarks.rating`). Test images are seen
once, by ``train``, after all choices. Every step goes on where it stopped; every training is a row of one file.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import t
from tabulate import tabulate

from benchmarks.rows import kept, kept_row
from benchmarks.what_you_get.networks import BUDGETS_S, HAND_MADE, RECIPE, Network, Workshop, choose, hand_made
from dna_deploy.export.formats.model_file import export_architecture
from dna_deploy.latency.isolation import IsolatedBench
from dna_deploy.latency.sampling import sample
from dna_deploy.records.samples import Samples
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import default_target
from dna_deploy.training.config import TrainingConfig
from dna_deploy.training.network import train_architecture

RESULTS = Path(__file__).parents[1] / "results"
KEPT = RESULTS / "what_you_get"
WORK = Path("runs/what_you_get")
SEEDS = (0, 1)
ROUNDS = 600
SEARCHED, CHANCE = "searched and refined", "random"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=("choose", "measure", "train", "show"))
    steps: dict[str, Callable[[], object]] = {"choose": networks, "measure": latencies, "train": train, "show": show}
    steps[parser.parse_args().step]()


def tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def networks() -> list[Network]:
    """All networks; chosen once, and exported without training, since latency does not depend on weights."""

    def make() -> dict[str, Any]:
        rows = list[dict[str, Any]]()
        for network in choose(Workshop(WORK), tell):
            folder = WORK / "untrained" / f"{len(rows):02}"
            export_architecture(network.space, network.architecture, None, folder)
            line = {"space": network.space.name, "architecture": str(network.architecture)}
            rows.append({"role": network.role, "budget_s": network.budget_s, **line})
        return {"networks": rows}

    rows = kept(KEPT / "networks.json", make)["networks"]
    spaces = [space_called(row["space"]) for row in rows]
    return [
        Network(row["role"], row["budget_s"], space, space.parse(row["architecture"]))
        for row, space in zip(rows, spaces, strict=True)
    ]


def space_called(name: str) -> HeadedSpace:
    """A space of the catalogue, or one of the hand-made networks."""
    kind, _, width = name.partition("-")
    return (
        hand_made(find_chain("fashion").with_head(), int(width) / 100)
        if kind == "mobilenetv3"
        else find_chain(name).with_head()
    )


def latencies() -> list[float]:
    """The median latency of every network, in seconds."""

    def make() -> dict[str, Any]:
        files = {path.name: path / "model.onnx" for path in sorted((WORK / "untrained").iterdir())}
        visits: dict[str, list[tuple[int, ...]]] = {name: [] for name in files}
        plan = SamplingPlan(rounds=ROUNDS)
        with tempfile.TemporaryDirectory() as scratch, IsolatedBench(default_target(), plan, files, Path(scratch)) as bench:
            for visit in sample(bench, tuple(files), plan, time.monotonic):
                if visit.failure:
                    raise SystemExit(f"{visit.name}: {visit.failure}")
                visits[visit.name].append(visit.samples_ns)
            machine = bench.fingerprint
        samples = [Samples(visits_ns=tuple(visits[name])) for name in files]
        return {
            "machine": machine.model_dump(mode="json"),
            "p50_s": [one.statistic("p50") for one in samples],
            "split_half": [one.split_half("p50") for one in samples],
        }

    found: list[float] = kept(KEPT / "latencies.json", make)["p50_s"]
    return found


def compared() -> list[tuple[Network, float, float]]:
    """Each network that is trained, its budget and its measured latency; of the hand-made ones, for every budget the one
    that takes as long as what search found."""
    measured = list(zip(networks(), latencies(), strict=True))
    found = [(network, network.budget_s, latency) for network, latency in measured if network.budget_s is not None]
    for budget_s in BUDGETS_S:
        wanted = next(latency for network, of, latency in found if (network.role, of) == (SEARCHED, budget_s))
        network, latency = min(
            ((network, latency) for network, latency in measured if network.role == HAND_MADE),
            key=lambda one: abs(one[1] / wanted - 1),
        )
        found.append((network, budget_s, latency))
    return found


def train() -> None:
    """Trains what is not trained yet: all networks with the first seed, then with the next. Equal ones are trained once."""
    for seed in SEEDS:
        for network, budget_s, _ in compared():
            tell(f"seed {seed}, {budget_s * 1e6:.0f} us, {network.role}: {accuracy(network, seed)['test']:.2%}")


def accuracy(network: Network, seed: int) -> dict[str, Any]:
    """What one training reached."""
    name = f"{network.space.name}-{str(network.architecture).replace('/', '_').replace(':', '.')}-{seed}"

    def make() -> dict[str, Any]:
        began = time.process_time()
        data = Workshop(WORK).data
        config = TrainingConfig(recipe=RECIPE.model_copy(update={"seed": seed}))
        done = train_architecture(network.space, network.architecture, data, config, WORK / "trained" / name)
        values = {"test": done.test[0].value, "validation": done.validation[0].value, "best_epoch": done.best_epoch}
        return {**values, "cpu_s": round(time.process_time() - began, 1)}

    return kept_row(KEPT / "trainings.csv", name, make)


def show() -> None:
    """Writes the table and the plot."""
    rows = [
        (network, budget, latency, [accuracy(network, seed)["test"] for seed in SEEDS])
        for network, budget, latency in compared()
    ]
    lines = [__doc__.split("\n\n")[0], "", _conditions(), ""]
    for budget_s in BUDGETS_S:
        lines += [
            f"## Budget {budget_s * 1e6:.0f} us by the table",
            "",
            _table([row for row in rows if row[1] == budget_s]),
            "",
        ]
    lines += ["## Over the three budgets", "", _summary(rows), ""]
    (RESULTS / "what_you_get.md").write_text("\n".join(lines))
    _plot(rows)


Row = tuple[Network, float, float, list[float]]


def _table(rows: list[Row]) -> str:
    chance = [row for row in rows if row[0].role.startswith(CHANCE)]
    means = [float(np.mean(row[3])) for row in chance]
    middle, half = float(np.mean(means)), _half_interval(means)
    table = []
    for network, _, latency, found in (row for row in rows if row not in chance):
        each = ", ".join(f"{one:.1%}" for one in found)
        gain = f"{100 * (np.mean(found) - middle):+.1f}"
        better = f"{sum(float(np.mean(found)) > one for one in means)} of {len(means)}"
        table.append(
            (network.role, f"{latency * 1e6:.1f} us", f"{np.mean(found):.1%}", each, gain, better, f"`{network.architecture}`")
        )
    speed = [row[2] for row in chance]
    table.append((
        f"{len(chance)} random", f"{min(speed) * 1e6:.1f} to {max(speed) * 1e6:.1f} us", f"{middle:.1%} ± {100 * half:.1f}",
        f"{min(means):.1%} to {max(means):.1%}", "", "", "",
    ))  # fmt: skip
    headers = ("network", "measured p50", "test accuracy", "seeds", "points over random", "better than random", "architecture")
    return tabulate(table, headers, "github", disable_numparse=True)


def _summary(rows: list[Row]) -> str:
    """Points over the mean of the random networks of the same budget, by role."""
    gains: dict[str, list[float]] = {}
    for budget_s in BUDGETS_S:
        of = [row for row in rows if row[1] == budget_s]
        middle = np.mean([np.mean(row[3]) for row in of if row[0].role.startswith(CHANCE)])
        for network, _, _, found in (row for row in of if not row[0].role.startswith(CHANCE)):
            gains.setdefault(network.role, []).append(100 * float(np.mean(found) - middle))
    lines = [
        (role, *(f"{gain:+.1f}" for gain in of), f"{np.mean(of):+.1f} ± {_half_interval(of):.1f}") for role, of in gains.items()
    ]
    budgets = (f"{budget_s * 1e6:.0f} us" for budget_s in BUDGETS_S)
    table = tabulate(lines, ("points over random", *budgets, "mean"), "github", disable_numparse=True)
    return (
        f"{table}\n\nThree budgets are few: no two of these means differ by more than their intervals. No hand-made network of "
        f"the kind is as fast as the lowest budget; the one beside it takes longer, as the table says."
    )


def _half_interval(values: list[float]) -> float:
    """Half the 95 % interval of the mean (Student's t)."""
    return float(t.ppf(0.975, len(values) - 1) * np.std(values, ddof=1) / len(values) ** 0.5)


def _conditions() -> str:
    machine = json.loads((KEPT / "latencies.json").read_text())["machine"]
    return (
        f"distorted-fashion-mnist, {RECIPE.epochs} epochs on 4,000 images, seeds {', '.join(map(str, SEEDS))}, best epoch "
        f"by 500 validation images, 10,000 test images (95 % interval of one accuracy: about ± 0.9 points). Latency: one "
        f"interleaved measurement on {machine['processor']}, {machine['runtime_version']}, one thread, {ROUNDS} rounds. "
        f"The interval of random networks is Student's, of the mean over networks."
    )


def _plot(rows: list[Row]) -> None:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.subplots()
    roles = dict.fromkeys(CHANCE if row[0].role.startswith(CHANCE) else row[0].role for row in rows)
    for role, marker in zip(roles, "sD^vox", strict=False):
        chosen = [row for row in rows if row[0].role.startswith(role)]
        x, y = [row[2] * 1e6 for row in chosen], [100 * float(np.mean(row[3])) for row in chosen]
        spread = [[100 * (np.mean(row[3]) - min(row[3])), 100 * (max(row[3]) - np.mean(row[3]))] for row in chosen]
        axes.errorbar(x, y, np.transpose(spread), fmt=marker, label=role, alpha=0.8, capsize=2)
    axes.set(xlabel="measured latency, p50 (us)", ylabel="test accuracy (%), bars from seed to seed")
    axes.legend()
    axes.grid(alpha=0.3)
    figure.savefig(RESULTS / "what_you_get.svg", metadata={"Date": None})


if __name__ == "__main__":
    main()
