"""Features of a teacher kept on disk: a batch that it has seen before, in any process or run, is not run again.

A file is named by the teacher and the very images, so none can be stale; what no run asks for any more is the first to make
room. Values are rounded to 16 bits, whether they come from the disk or not, so that results do not depend on what lies there.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import torch

from dna_deploy.errors import TableError, UsageError
from dna_deploy.learning.tensor_file import TensorFile
from dna_deploy.records.files import digest_of

_HEADER_BYTES = 4096
"""More than names and shapes need in a file."""


@dataclass(frozen=True)
class FeatureCache:
    """A folder of at most ``most_bytes``. ``on_notice`` hears of files that were damaged."""

    folder: Path
    most_bytes: int
    on_notice: Callable[[str], None]

    def features(
        self, teacher: str, teach: Callable[[torch.Tensor], list[torch.Tensor]], images: torch.Tensor
    ) -> list[torch.Tensor]:
        """What ``teach`` gives for some images, as 16 bits hold it; ``teacher`` is the digest of whoever does.

        Features that 16 bits cannot hold are given as they are, and not kept.
        """
        path = self.folder / f"{_name(teacher, images)}.safetensors"
        if (cached := self._read(path)) is not None:
            return [_as_emitted(feature, images.device) for feature in cached]
        computed = teach(images)
        rounded = [feature.half() for feature in computed]
        if not all(bool(feature.isfinite().all()) for feature in rounded):
            return computed
        self._write(path, rounded)
        return [_as_emitted(feature, images.device) for feature in rounded]

    def _read(self, path: Path) -> list[torch.Tensor] | None:
        if not path.exists():
            return None
        try:
            file = TensorFile.read(path, "cached features")
        except TableError:  # made room for another process's
            return None
        except UsageError as error:
            self._remove(path, error.message)
            return None
        features = [file.tensors[name] for name in sorted(file.tensors)]
        if file.facts.get("checksum") != _checksum(features):
            self._remove(path, f"{path} does not match its checksum")
            return None
        with suppress(OSError):
            path.touch()  # the most recently asked for stay longest
        return features

    def _remove(self, path: Path, reason: str) -> None:
        self.on_notice(f"{reason}; the teacher computes these features anew")
        path.unlink(missing_ok=True)

    def _write(self, path: Path, features: list[torch.Tensor]) -> None:
        needed = _HEADER_BYTES + sum(feature.numel() * feature.element_size() for feature in features)
        if needed > self.most_bytes:
            return
        self._make_room(needed)
        lying = [feature.cpu().contiguous() for feature in features]
        tensors = {f"{number:03d}": feature for number, feature in enumerate(lying)}
        TensorFile(tensors, {"checksum": _checksum(lying)}).write(path)

    def _make_room(self, needed: int) -> None:
        """Removes what was asked for longest ago, until the new file fits."""
        files = []
        for path in self.folder.glob("*.safetensors"):
            with suppress(FileNotFoundError):  # another process makes room as well
                state = path.stat()
                files.append((state.st_mtime_ns, state.st_size, path))
        total = sum(size for _, size, _ in files)
        for _, size, path in sorted(files):
            if total + needed <= self.most_bytes:
                return
            path.unlink(missing_ok=True)
            total -= size


def _name(teacher: str, images: torch.Tensor) -> str:
    digest = hashlib.sha256(f"{teacher} {tuple(images.shape)} {torch.is_autocast_enabled(images.device.type)}".encode())
    digest.update(images.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _checksum(features: list[torch.Tensor]) -> str:
    return digest_of(b"".join(feature.numpy().tobytes() for feature in features))


def _as_emitted(feature: torch.Tensor, device: torch.device) -> torch.Tensor:
    """In the teacher's memory order: another could round what follows differently."""
    layout = torch.channels_last if feature.ndim == 4 else torch.contiguous_format
    return feature.to(device).float().contiguous(memory_format=layout)
