"""DNA on all of nats-size, at full length, and its regret: `benchmarks.nats` on the GPU."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu.__main__ import Check, printed
from benchmarks.nats.__main__ import main


def run(check: Check) -> str:
    """The report of that benchmark; its ratings are kept beside what this part resumes from."""
    work = check.folder("nats")
    if check.is_dry:
        files = made_up(work / "made-up")
    elif check.truth is None or check.cifar is None:
        raise SystemExit("give --truth FOLDER (of size_cifar10.csv) and --cifar FOLDER (of CIFAR-10)")
    else:
        files = {"--truth": check.truth, "--cifar": check.cifar, **({"--resnet": check.resnet} if check.resnet else {})}
    size = ("--images", "8", "--rating-images", "2") if check.is_dry else ("--images", "45000", "--rating-images", "2000")
    where = ("--device", check.device, "--work", str(work), "--kept", str(work / "ratings"))
    arguments = (str(part) for pair in files.items() for part in pair)
    return printed(main, (*arguments, "--methods", "dna", "--seeds", "1", *where, *size))


def made_up(folder: Path) -> dict[str, Path]:
    """What stands in for the published numbers, the images and the teacher in a dry run."""
    from benchmarks.nats.made_up import write_images, write_resnet, write_truth

    write_truth(folder / "truth")
    images, resnet = write_images(folder / "images", 8), write_resnet(folder / "resnet20.safetensors")
    return {"--truth": folder / "truth", "--cifar": images, "--resnet": resnet}
