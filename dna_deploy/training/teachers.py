"""A teacher by name, as a file: trained here, or a pretrained network, cut and recalibrated for a space."""

from __future__ import annotations

from pathlib import Path

from dna_deploy.data.batches import in_order
from dna_deploy.data.splits import ImageData, Split
from dna_deploy.errors import UsageError
from dna_deploy.learning.compute import Compute
from dna_deploy.nets.batch_norm import estimate_statistics
from dna_deploy.nets.teachers.cutting import cut_network
from dna_deploy.nets.teachers.pretrained import Known, load_pretrained
from dna_deploy.nets.teachers.teacher import is_teacher_file, load_teacher, write_pretrained
from dna_deploy.progress import OnProgress, Progress, silent
from dna_deploy.spaces.chain import HeadedSpace
from dna_deploy.training.config import TeacherConfig
from dna_deploy.training.teacher import FILE_NAME, is_finished, teacher_identity, train_teacher

_BATCH = 64
_WEIGHT_ENDINGS = frozenset({".pth", ".pt", ".bin", ".ckpt", ".tar", ".safetensors"})


def make_teacher(
    config: TeacherConfig,
    space: HeadedSpace,
    data: ImageData,
    folder: Path,
    *,
    on_progress: OnProgress = silent,
    compute: Compute | None = None,
) -> Path:
    """The file of the teacher that ``config`` names, for `dna_deploy.nets.teachers.teacher.load_teacher`.

    A name may be a teacher's file as well, which is then checked and returned. The same folder resumes.

    Raises:
        UsageError: there is no such teacher, or it has no features that the space can take.
        DependencyError: the package or the weights of a pretrained one are not here.
        DivergedError: the loss of one trained here is no longer a number.
    """
    config.check()
    _check_file(config)
    if config.is_trained_here:
        return train_teacher(config, space, data, folder, on_progress=on_progress, compute=compute)
    if Path(config.name).is_file():
        load_teacher(Path(config.name)).check_fits(space)
        return Path(config.name)
    return _take_pretrained(config, space, data, folder, on_progress)


def _check_file(config: TeacherConfig) -> None:
    """Raises `UsageError` where weights are named as if they were a teacher."""
    path = Path(config.name)
    if path.is_file() and path.suffix.lower() in _WEIGHT_ENDINGS and not is_teacher_file(path):
        kind = "is no teacher of ours" if path.suffix == ".safetensors" else "is a pickle"
        words = f"teacher {path} {kind}: it may hold weights, but not which network they are of"
        hint = f"name the network: --teacher timm:resnet18 --teacher-weights {path}"
        raise UsageError(words, f"{hint} (no need to save the weights as safetensors)" if "pickle" in kind else hint)


def _take_pretrained(config: TeacherConfig, space: HeadedSpace, data: ImageData, folder: Path, on_progress: OnProgress) -> Path:
    identity, path = teacher_identity(config, space, data), folder / FILE_NAME
    if is_finished(path, identity):
        return path
    pretrained = load_pretrained(config.name, config.weights or Known.PUBLISHED, space.input)
    network = cut_network(pretrained.network, space, config.cuts, pretrained.made_for)
    for notice in filter(None, (pretrained.notice, *network.remarks)):
        on_progress(Progress("take the teacher", 1, 1, notice=notice))
    network.expect((data.normalisation.mean, data.normalisation.deviation), (pretrained.mean, pretrained.deviation))
    if config.calibration_images:
        first = Split(data.train.source, data.train.indices[: config.calibration_images])
        estimate_statistics(network, (batch.inputs for batch in in_order(first, data, _BATCH)))
    write_pretrained(path, config.name, network, facts={"identity": identity, "shape_name": pretrained.shape_name})
    return path
