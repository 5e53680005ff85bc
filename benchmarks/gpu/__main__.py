"""What needs an NVIDIA GPU, in parts that write a small text file each: benchmarks/gpu/check.sh says how it is called.

    learning   CUDA against the CPU: ratings, losses, speed; AMP, bfloat16, torch.compile
    engines    TensorRT-RTX and TensorRT: build, timing cache, CUDA graphs on and off, Polygraphy as judge
    latency    a table of mbconv on the GPU, judged on 20 networks; the exact search with it
    promise    whether networks keep budgets there, with the promise loop and without
    nats       DNA on all of nats-size with its regret, where --truth and --cifar are given

A part that is finished is not run again; one that failed, or was cut off, is, and goes on from its folder in --out.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from io import StringIO
from pathlib import Path

from dna_deploy.records.files import write_atomically

LIMITS_S = {"learning": 110, "engines": 90, "latency": 150, "promise": 70, "nats": 480}
"""What each part may take at most of a call."""

LEAST_S = 15
VERSIONS = (
    "dna-deploy",
    "torch",
    "timm",
    "onnx",
    "onnxruntime",
    "tensorrt-rtx-cu13",
    "tensorrt",
    "polygraphy",
    "cuda-bindings",
)


@dataclass(frozen=True)
class Check:
    """Where a part works and writes, how large it is, and on which device."""

    out: Path
    is_dry: bool
    truth: Path | None = None
    cifar: Path | None = None
    resnet: Path | None = None

    @property
    def device(self) -> str:
        return "cpu" if self.is_dry else "cuda"

    def folder(self, part: str) -> Path:
        """Where a part keeps what it resumes from."""
        folder = self.out / f"{part}.work"
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help="default: all")
    parser.add_argument("--out", type=Path, default=Path("runs/gpu-check"))
    parser.add_argument("--seconds", type=float, default=480.0, help="of this call")
    parser.add_argument("--truth", type=Path, help="folder of size_cifar10.csv")
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as a folder of images or of shards")
    parser.add_argument("--resnet", type=Path, help="a ResNet of CIFAR-10 that teaches; by default one is trained")
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes on the CPU: the script itself is tried")
    parser.add_argument("--now", action="store_true", help=argparse.SUPPRESS)
    chosen = parser.parse_args(arguments)
    if unknown := set(chosen.parts) - LIMITS_S.keys():
        parser.error(f"unknown part {', '.join(sorted(unknown))}; there are {', '.join(LIMITS_S)}")
    check = Check(chosen.out.resolve(), chosen.dry_run, chosen.truth, chosen.cifar, chosen.resnet)
    if chosen.now:
        (part,) = chosen.parts
        run: Callable[[Check], str] = import_module(f"benchmarks.gpu.{part}").run
        sys.stdout.write(f"{about()}\n\n{run(check)}\n")
        return
    check.out.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + chosen.seconds
    usual = [part for part in LIMITS_S if part != "nats" or check.is_dry or (check.truth and check.cifar)]
    words = {part: attend(part, check, deadline) for part in chosen.parts or usual}
    print("\n".join(f"{part:<9} {word}" for part, word in words.items()))
    sys.exit(any(word.startswith("failed") for word in words.values()))


def attend(part: str, check: Check, deadline: float) -> str:
    """Runs a part in a process of its own, which may crash or hang, and says what became of it."""
    result, left = check.out / f"{part}.txt", deadline - time.monotonic()
    if result.exists():
        return f"finished before: {result}"
    if left < LEAST_S:
        return "not begun: no time is left; call again"
    command = [sys.executable, "-m", "benchmarks.gpu", "--now", part, "--out", str(check.out)]
    for flag, path in (("--truth", check.truth), ("--cifar", check.cifar), ("--resnet", check.resnet)):
        command += [flag, str(path)] if path else []
    began, failed = time.monotonic(), result.with_suffix(".failed.txt")
    try:
        ran = subprocess.run(
            [*command, *(["--dry-run"] if check.is_dry else [])],
            capture_output=True, text=True, check=False, timeout=left if check.is_dry else min(LIMITS_S[part], left),
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return f"cut off after {time.monotonic() - began:.0f} s; call again, it goes on from {check.folder(part)}"
    if ran.returncode:
        write_atomically(failed, (ran.stdout + ran.stderr)[-8000:].encode())
        return f"failed with code {ran.returncode}: {failed}"
    failed.unlink(missing_ok=True)
    write_atomically(result, ran.stdout.encode())
    return f"finished in {time.monotonic() - began:.0f} s: {result}"


def printed(main: Callable[[Sequence[str]], None], arguments: Sequence[str]) -> str:
    """What another benchmark prints."""
    with redirect_stdout(StringIO()) as text:
        main(arguments)
    return text.getvalue()


def about() -> str:
    """The machine, the card and the versions that a result is true for."""
    import torch

    card = "no GPU"
    if torch.cuda.is_available():
        properties = torch.cuda.get_device_properties(0)
        card = f"{properties.name}, {properties.total_memory / 2**30:.0f} GiB, sm_{properties.major}{properties.minor}"
    packages = []
    for name in VERSIONS:
        try:
            packages.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            packages.append(f"no {name}")
    now = datetime.now(UTC).isoformat(timespec="minutes")
    system = f"{platform.system()} {platform.release()}, Python {platform.python_version()}, CUDA {torch.version.cuda}"
    return f"{now}  {card}\n{system}\n{', '.join(packages)}"


if __name__ == "__main__":
    main()
