"""Every one-shot method by name through the whole journey, with next to no training: that all of it runs, and what it takes.

    python -m benchmarks.rating.one_shots.journeys CIFAR --folder FOLDER  (two hours; stops and goes on at any time)

Grounds: `fashion` on its own grey images, `nats-size` and `catalogue-colour` on CIFAR-10, a folder of shards or of classes.
What is rated or shrunk is searched, trained, exported and verified by the command line alone; a failure says its error.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tabulate import tabulate

from benchmarks.rows import kept_row

FEW = ("--images", "96", "--rating-images", "32", "--batch", "8", "--calibration-images", "32")
SEARCH = ("--latency", "1s", "--top", "2")
BY_STRATEGY = ("--evaluations", "6", "--strategy", "random")
RATED: dict[str, tuple[str, ...]] = {
    "one-shot": ("--epochs", "1"),
    "cream": ("--epochs", "1"),
    "cream-top1": ("--epochs", "1"),
    "setn": ("--epochs", "1"),
    "genas": ("--epochs", "1"),
    "angle": ("--epochs", "1"),
}
ALL = ("--keep", "100000000000")
CHANGED: dict[str, tuple[str, ...]] = {
    "angle": ("shrink", "--epochs", "2", "--keep", "2000", "--rounds", "2", "--children", "20"),
    "ddpnas": ("shrink", "--epochs", "6", "--left", "4", "--sweeps", "1", "--judged", "32"),
    "nse": ("grow", "--epochs", "1", "--rounds", "1", "--networks", "6", "--judged", "32"),
    "neas": ("grow", "--epochs", "1", "--rounds", "1", "--children", "2", "--searched", "3", "--judged", "8", *ALL),
}  # fmt: skip
MORE: dict[tuple[str, str], tuple[str, ...]] = {
    ("nats-size", "ddpnas"): ("--batch", "2", "--epochs", "44"),
    ("catalogue-colour", "ddpnas"): ("--epochs", "9"),
}
"""What a space needs besides: DDPNAS has 2,070 networks of `nats-size` to train, each once, and 95 of `catalogue-colour`."""
BRANCHED = {"fashion": "catalogue", "nats-size": ""}
"""Where `nse` grows branches: a layer a slot, and no widths."""


class Journey:
    """Commands in a folder of their own, each kept once it ended well."""

    def __init__(self, folder: Path, space: str, images: Sequence[str], shared: Sequence[str]) -> None:
        self.folder, self.space, self.images, self.shared = folder, space, tuple(images), tuple(shared)
        folder.mkdir(parents=True, exist_ok=True)

    def run(self, *arguments: str) -> dict[str, Any]:
        """What a command said as JSON. Raises `RuntimeError` with its error."""
        command = [sys.executable, "-m", "dna_deploy.cli.app", *arguments, "--json"]
        done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = [line for line in done.stderr.splitlines() if line.startswith("error: ")] or done.stderr.splitlines()[-1:]
            raise RuntimeError(f"{arguments[0]} ended with {done.returncode}: {' '.join(said)}")
        return dict(json.loads(done.stdout))

    @property
    def table(self) -> str:
        """The latency table of the space, measured once."""
        found = sorted(self.folder.glob(f"latency_tables/{self.space}.*.json"))
        if not found:
            self.run("profile", "--space", self.space, "--rounds", "2", "--validate", "0", "--accept-noise")
            found = sorted(self.folder.glob(f"latency_tables/{self.space}.*.json"))
        return str(found[0].relative_to(self.folder))

    def rate(self, method: str, space: str, settings: Sequence[str]) -> dict[str, Any]:
        return self.run("rate", "--space", space, "--method", method, *self.images, *FEW, *self.shared, *settings)

    def search(self, space: str, table: str, rated: dict[str, Any]) -> str:
        """The file of an outcome: exact where ratings are a table, else by a strategy under the exact costs."""
        name = f"{Path(rated['folder']).name}.outcome.json"
        if rated.get("table"):
            bounds = ("--table", table, "--ratings", rated["table"], *SEARCH)
            self.run("search", "--space", space, *bounds, "--refine", rated["folder"], "-o", name)
        else:
            self.run(
                "search", "with", rated["folder"], "--space", space, "--table", table, *SEARCH[:2], *BY_STRATEGY, "-o", name
            )
        return name

    def deliver(self, what: str, space: str, name: str) -> bool:
        """Trains, exports and measures; whether the file keeps its promise."""
        trained, model = f"trained-{name}", f"model-{name}"
        settings = ("--epochs", "1", "--images", "96", "--batch", "16", "-o", trained)
        self.run("train", what, "--space", space, *self.images, *settings)
        self.run("export", f"{trained}/trained-network.json", "-o", model, "--replace")
        measured = self.run("verify", f"{model}/model.onnx", "--latency", "1s", "--rounds", "8", "--accept-noise")
        return bool(measured["is_kept"])

    def rated(self, method: str) -> bool:
        """A method that rates networks, to its end."""
        found = self.search(self.space, self.table, self.rate(method, self.space, RATED[method]))
        return self.deliver(found, self.space, method)

    def changed(self, method: str) -> bool:
        """A method that changes its space, and what comes out of it rated by the baseline, to its end."""
        command, *settings = *CHANGED[method], *MORE.get((self.space, method), ())
        budget = ("--table", self.table, "--budget", "1s")
        out = f"{method}.space.json"
        made = self.run(
            command, "--space", self.space, "--method", method, *self.images, *FEW, *self.shared, *settings, *budget, "-o", out
        )
        if made["networks"] == 1:
            from dna_deploy.spaces.catalog import find_chain

            (network,) = find_chain(str(self.folder / out)).architectures()
            return self.deliver(str(network), out, f"{method}-left")
        table = self.run("profile", "--space", out, "--rounds", "2", "--validate", "0", "--accept-noise")["table"]
        rated = self.rate("one-shot", out, RATED["one-shot"])
        return self.deliver(self.search(out, table, rated), out, f"{method}-left")


def walked(folder: Path, space: str, method: str, how: str, cifar: Path) -> tuple[Any, ...]:
    """A journey's row. One that failed is walked again next time."""
    images = ("--dataset", str(cifar)) if space in {"nats-size", "catalogue-colour"} else ()
    journey = Journey(folder / space, space, images, ("--share-widths", "true") if space == "nats-size" else ())

    def row() -> dict[str, Any]:
        begun = time.monotonic()
        ended = journey.rated(method) if how == "rate" else journey.changed(method)
        return {"kept": int(ended), "seconds": round(time.monotonic() - begun)}

    what = f"{'rate' if how == 'rate' else CHANGED[method][0]} --method {method}"
    try:
        made = kept_row(folder / "journeys.csv", f"{space} {how} {method}", row)
    except RuntimeError as error:
        return space, what, str(error), ""
    return space, what, "kept" if made["kept"] else "missed", made["seconds"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cifar", type=Path)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--spaces", nargs="*", default=("fashion", "nats-size", "catalogue-colour"))
    asked = parser.parse_args()
    rows = []
    for space in asked.spaces:
        for how, method in [*(("rate", name) for name in RATED), *(("change", name) for name in CHANGED)]:
            ground = BRANCHED.get(space, space) if method == "nse" else space
            if not ground:
                print(f"left out: nse on {space}: widths are no branches", flush=True)
                continue
            rows.append(walked(asked.folder, ground, method, how, asked.cifar.resolve()))
            print(*rows[-1], flush=True)
    print(tabulate(rows, ("space", "method", "promise", "seconds"), "github"))


if __name__ == "__main__":
    main()
