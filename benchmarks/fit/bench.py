"""What every network of a case goes through: built, timed, judged, fine-tuned, judged again; a row as soon as it ends."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path

import torch
from torch import nn

from benchmarks.fit.cases import Case, Sources, seen_by
from benchmarks.rows import add_rows, read_rows
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.errors import InfeasibleError, UsageError
from dna_deploy.fit.at_size import AtSize
from dna_deploy.fit.candidates import KEEP, candidates_of
from dna_deploy.fit.judging import Judge
from dna_deploy.fit.mending import deployed
from dna_deploy.fit.model import OwnModel
from dna_deploy.fit.units import find_units
from dna_deploy.latency.workshop import Folders
from dna_deploy.pipeline.fit.baselines import BASELINES, LOWER_RESOLUTION
from dna_deploy.pipeline.fit.choose import Chosen, choose
from dna_deploy.pipeline.fit.filling import Fitted, fill, untouched_within
from dna_deploy.pipeline.fit.prepare import Counts, Prepared, prepare
from dna_deploy.pipeline.fit.recovery import Recovery, batches_of, recovered
from dna_deploy.pipeline.fit.space import Choice
from dna_deploy.pipeline.fit.stopwatch import Stopwatch
from dna_deploy.pipeline.fit.table import Device
from dna_deploy.progress import Progress
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target_file import TargetFile, default_target
from dna_deploy.training.accuracy import right_answers

FIT, ORIGINAL, LOWER = "fit", "the original", LOWER_RESOLUTION
BARE, UNMENDED, TRAINED = ", nothing refitted", "fit, not mended", "fit, units trained"
"""Weights as they were cut; units refitted alone; candidates that have learnt from the original as well."""

UNIT_STEPS = 80

ORDER = ("greedy drop", "all skips, uniform width", "uniform width", f"uniform width{BARE}", f"greedy drop{BARE}",
         f"all skips, uniform width{BARE}", "random feasible", LOWER, UNMENDED, f"{FIT}{BARE}", TRAINED)  # fmt: skip
"""Of what is compared with `FIT`, the most informative first."""

Made = tuple[nn.Module, float, str]
"""A network, its seconds, and what was changed in it."""

Wanted = tuple[str, float, int, Callable[[], Made]]


def say(*words: object) -> None:
    """On the error stream, with the time of day: the table alone is printed."""
    print(time.strftime("%H:%M:%S"), *words, file=sys.stderr, flush=True)


@dataclass
class Bench:
    """A case with its images and its original; spaces of it are prepared when they are needed."""

    case: Case
    sources: Sources
    data: ImageData
    own: OwnModel
    rows: Path
    made: dict[tuple[str, float, int], Made] = field(default_factory=dict)
    chosen: dict[tuple[float, int], Chosen] = field(default_factory=dict)

    @classmethod
    def of(cls, case: Case, sources: Sources, rows: Path, test_images: int | None = None) -> Bench:
        """Loads images and the original, which is trained where nobody has."""
        data = case.load(sources, case.size, case.train_images)
        own = case.model(sources, data)
        data = seen_by(own, data)
        data = replace(data, test=Split(data.test.source, data.test.indices[:test_images]))
        say(own.name, data.summary)
        return cls(case, sources, data, own, rows)

    @cached_property
    def device(self) -> Device:
        """This machine, one thread."""
        folders = Folders(self.sources.out / "profiles", self.sources.out / "latency_tables")
        return Device(TargetFile(default_target(), SamplingPlan(rounds=64)), folders)

    @cached_property
    def prepared(self) -> Prepared:
        """As the product does it."""
        return self.prepare()

    def prepare(self, *, repaired: bool = True, unit_steps: int = 0) -> Prepared:
        """A space of the original; what was prepared before is read."""
        counts = Counts(self.case.rated_images, self.case.rated_images, unit_steps)
        network, work = find_units(self.own.network, self.own.input).network, self.sources.out / "work"
        prepared = prepare(
            self.own, network, network.units, self.data, self.device, work, counts,
            lambda original_s: min(self.case.shares) * original_s, repaired=repaired, on_progress=_tell,
        )  # fmt: skip
        table = prepared.space.measured.table
        error = table.calibration("p50").relative_error
        say(*prepared.remarks, {name: round(spent) for name, spent in prepared.spent_s.items()})
        say(f"original {prepared.space.original_s * 1e3:.2f} ms; table of grade {table.grade}, off by {error:.1%}")
        return prepared

    @cached_property
    def stopwatch(self) -> Stopwatch:
        """In turns with the original."""
        out, original_s = self.sources.out / "measured", self.prepared.space.original_s
        return Stopwatch(out, self.device.target.target, self.own.network, self.own.input, original_s)

    @cached_property
    def test(self) -> Judge:
        """Of the original's answers."""
        return Judge(self.prepared.judge.network, batches_of(self.data.test, self.data))

    def right(self, network: nn.Module) -> torch.Tensor:
        """For every test image whether the label is found, or else the original's answer, ``(images,)``."""
        if self.case.has_labels:
            return right_answers(network, self.data.test, self.data).double()
        return self.test.agreement(self.test.answers_of(network)).double()

    @cached_property
    def reference(self) -> torch.Tensor:
        """The same of the original."""
        return self.right(self.own.network)

    def tuned(self, network: nn.Module, epochs: int, seed: int, *, has_units: bool = True) -> nn.Module:
        """After its fine-tuning; the same network is tuned once."""
        if not epochs:
            return network
        recovery = Recovery.of(epochs, has_labels=self.case.has_labels, seed=seed)
        recovery = replace(recovery, recipe=recovery.recipe.model_copy(update={"augmentation": self.case.augmentation}))
        units = self.prepared.judge.network if has_units else None
        return recovered(network, self.own.network, self.data, recovery, self.sources.out / "runs", units=units)

    def judge(self, name: str, share: float, seed: int, make: Callable[[], Made]) -> None:
        """Adds the rows of a network, unless they are there."""
        there = {(row["network"], float(row["asked"]), int(row["seed"]), int(row["epochs"])) for row in read_rows(self.rows)}
        missing = [epochs for epochs in self.case.epochs if (name, share, seed, epochs) not in there]
        if not missing:
            return
        say(name, f"{share:.0%}", "seed", seed)
        begin = time.monotonic()
        try:
            network, measured_s, changes = make()
        except (InfeasibleError, UsageError) as error:
            say(f"none: {error.message}")
            return
        made_s, before = time.monotonic() - begin, self.right(network)
        for epochs in missing:
            begin = time.monotonic()
            has_units = name not in self.case.others and not isinstance(network, AtSize)
            after = self.right(self.tuned(network, epochs, seed, has_units=has_units))
            off = after - self.reference
            add_rows(self.rows, [{
                "network": name, "asked": share, "seed": seed, "epochs": epochs, "ms": f"{1e3 * measured_s:.4f}",
                "of original": f"{measured_s / self.prepared.space.original_s:.4f}", "before": f"{float(before.mean()):.4f}",
                "after": f"{float(after.mean()):.4f}", "minus original": f"{float(off.mean()):.4f}",
                "standard error": f"{float(off.std() / len(off) ** 0.5):.4f}", "test images": len(after),
                "train images": len(self.data.train), "seconds to make": f"{made_s:.0f}",
                "seconds to tune": f"{time.monotonic() - begin:.0f}", "changes": changes,
            }])  # fmt: skip

    def networks(self, seeds: Sequence[int], names: Sequence[str] = (FIT, *ORDER)) -> Iterator[Wanted]:
        """Name, share of the time, seed, and what makes the network; those that matter most come first."""
        for seed in seeds:
            for share in self.shares:
                for name in names:
                    yield name, share, seed, lambda name=name, share=share, seed=seed: self._of(name, share, seed)
                if share == self.shares[0]:
                    yield ORIGINAL, 1.0, seed, lambda: self._whole(self.own)
                    for name, load in self.case.others.items():
                        yield name, 0.0, seed, lambda load=load: self._whole(load(self.sources))

    @cached_property
    def shares(self) -> tuple[float, ...]:
        """Of the original's time: those of the case, and that of another network."""
        if not self.case.as_fast_as:
            return self.case.shares
        _, seconds, _ = self._whole(self.case.others[self.case.as_fast_as](self.sources))
        return *self.case.shares, round(seconds / self.prepared.space.original_s, 2)

    def _of(self, name: str, share: float, seed: int) -> Made:
        """A network for a share; only one that is chosen by chance depends on the seed."""
        key = name, share, seed if name == "random feasible" else 0
        if key not in self.made:
            budget_s = share * self.prepared.space.original_s
            if name in {FIT, TRAINED}:
                chosen = self._chosen(share, UNIT_STEPS if name == TRAINED else 0)
                self.made[key] = self._made(chosen.fitted, chosen.words)
            elif name == LOWER:
                self.made[key] = self._made(untouched_within(self.prepared, budget_s, self.stopwatch))
            else:
                self.made[key] = self._made(self._refitted(name, share, seed))
        return self.made[key]

    def _chosen(self, share: float, unit_steps: int) -> Chosen:
        """What the product chooses, once."""
        if (share, unit_steps) not in self.chosen:
            prepared = self.prepare(unit_steps=unit_steps) if unit_steps else self.prepared
            self.chosen[share, unit_steps] = choose(prepared, share * prepared.space.original_s, self.stopwatch)
        return self.chosen[share, unit_steps]

    def _refitted(self, name: str, share: float, seed: int) -> Fitted:
        """A baseline, or what the product chooses, with as much refitted as the name says."""
        prepared, plain = self.prepared, name.removesuffix(BARE)
        if plain in BASELINES:
            budget_s, propose = share * prepared.space.original_s, BASELINES[plain]
            fitted = fill(prepared, budget_s, self.stopwatch, lambda asked_s: propose(prepared, asked_s, seed))
        else:
            fitted = self._chosen(share, 0).fitted
        if name.endswith(BARE):
            return replace(fitted, network=bare(fitted.prepared, fitted.choice), is_mended=False)
        if name == UNMENDED:
            alone = deployed(fitted.prepared.judge, fitted.prepared.space.changed(fitted.choice), mends=False)
            return replace(fitted, network=alone.network, is_mended=False)
        return fitted

    def _whole(self, own: OwnModel) -> Made:
        return own.network, self.stopwatch.time(own.network), ""

    def _made(self, fitted: Fitted, words: str = "") -> Made:
        changed = [f"{path} {code}" for path, code in fitted.choice.items() if code != KEEP]
        mended, size = "mended" if fitted.is_mended else "", "" if fitted.input == self.own.input else f"on {fitted.input}"
        return fitted.on(self.own.input), fitted.measured_s, "; ".join(filter(None, (words, mended, size, *changed)))


def bare(prepared: Prepared, choice: Choice) -> nn.Module:
    """The network of a choice with weights as they were cut: nothing is refitted."""
    network, gathering = prepared.judge.network, prepared.judge.gathering
    modules = {}
    for path, code in choice.items():
        if code != KEEP:
            unit, original = prepared.space.candidates[path].unit, network.module(path)
            listed = candidates_of(unit, original, Judge(network, gathering).inputs(path), repaired=False)
            modules[path] = next(each.module for each in listed.there if each.code == code)
    return deployed(prepared.judge, modules, mends=False).network


def _tell(progress: Progress) -> None:
    if progress.done == progress.total:
        say(progress.step, progress.total)
