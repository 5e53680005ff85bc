"""A runtime that pretends: a model file says how long it takes, or how it goes wrong. Offered as a third party would."""

from __future__ import annotations

import textwrap
from functools import cache
from pathlib import Path

import pytest

from dna_deploy import plugins
from dna_deploy.records.files import Provenance, digest_of
from dna_deploy.records.latency_table import Calibration
from dna_deploy.records.probe_kit import KitManifest, KitProbe, KitTensor, ProbeKit, Role
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.heads import describe_head
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

FITTED = Calibration(quantile="p50", scale=1.0, offset_s=0.0, networks=10, relative_error=0.01)
RUNTIME = """
import os, random, signal, time
from dna_deploy.errors import UsageError

class Session:
    def __init__(self, text):
        self.nanoseconds, _, self.mishap = text.partition(" ")
        self.rng = random.Random(text)
        self.memory_bytes = 4096

    def run(self):
        match self.mishap.split():
            case ["crash"]:
                os.kill(os.getpid(), signal.SIGSEGV)
            case ["abort"]:
                os.abort()
            case ["memory"]:
                os.kill(os.getpid(), signal.SIGKILL)
            case ["hang"]:
                signal.pause()
            case ["once", path] if not os.path.exists(path):
                open(path, "w").close()
                os.kill(os.getpid(), signal.SIGSEGV)
            case ["slow"]:
                time.sleep(0.02)

    def time_runs(self, runs):
        self.run()
        if self.mishap == "stall":
            return [0] * runs
        if self.mishap == "jump":
            return [10**14] * runs
        return [int(int(self.nanoseconds) * self.rng.uniform(0.99, 1.01)) for _ in range(runs)]

class Runner:
    version = "pretend 1"
    libraries = {}

    def __init__(self, target):
        pass

    @staticmethod
    def providers():
        return ("pretended",)

    def load(self, path):
        text = path.read_text()
        if "broken" in text:
            raise RuntimeError("no such operator: Broken")
        if "fallback" in text:
            raise UsageError("fell back to the CPU")
        print("runtimes print what they like")
        return Session(text)

    def throttle_reasons(self):
        return ()
"""

TARGET = Target(name="pretended", runtime="pretend", provider="pretended")
PLAN = SamplingPlan(rounds=26, runs=3, warmup_runs=1, timeout_s=2.0)


def offer_runtime(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Installs the runtime for this process and those that it starts."""
    packages = folder / "packages"
    facts = packages / "pretend-1.0.dist-info"
    facts.mkdir(parents=True)
    (packages / "pretend_runtime.py").write_text(textwrap.dedent(RUNTIME))
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: pretend\nVersion: 1.0\n")
    (facts / "entry_points.txt").write_text("[dna_deploy.runners]\npretend = pretend_runtime:Runner\n")
    monkeypatch.setenv("PYTHONPATH", str(packages))
    monkeypatch.syspath_prepend(str(packages))
    # What is installed is read once a process: here it has just changed, and is read once more.
    monkeypatch.setattr(plugins, "_offered", cache(plugins._offered.__wrapped__))


def layer_nanoseconds(macs: int) -> int:
    return 2_000 + macs // 50


def make_kit(space: ChainSpace | None = None, mishaps: dict[str, str] | None = None, networks: int = 6) -> ProbeKit:
    """A kit of the small space whose models take time by their MACs; ``mishaps`` adds words to the model of a key."""
    import random

    space, mishaps = space or find_chain("fashion").with_head(), mishaps or {}
    times = {layer.key: layer_nanoseconds(layer.macs) for layer in space.rows()}
    rng = random.Random(0)
    models: list[tuple[Role, str, int]] = [("empty", "empty", 1_000), ("sentinel", next(iter(times)), 5_000)]
    models += [("layer", key, nanoseconds) for key, nanoseconds in times.items()]
    for role in ("calibration", "validation"):
        for _ in range(networks):
            architecture = space.sample(rng)
            total = sum(times[layer.key] - 1_000 for layer in space.place(architecture))
            models.append((role, str(architecture), 3_000 + int(1.1 * total)))
    probes, files = [], {}
    for number, (role, key, nanoseconds) in enumerate(models):
        name = f"{role}-{number:04}.onnx"
        files[name] = f"{nanoseconds} {mishaps.get(key, '') if role == 'layer' else ''}".encode()
        probes.append(KitProbe(role=role, key=key, file=name, digest=digest_of(files[name])))
    manifest = KitManifest(
        provenance=Provenance.now(), space=space.name, space_digest=space.digest, head=describe_head(space.head),
        seed=0, batch=1, precision="fp32",
        tensors=(KitTensor(offset=0, count=10), KitTensor(offset=4096, count=6, deviation=0.1)), probes=tuple(probes),
    )  # fmt: skip
    return ProbeKit(manifest, files)
