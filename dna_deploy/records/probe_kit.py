"""The probe kit: everything to profile a space on a device, in one small zip of data. No weights, no code.

It holds one ONNX graph a layer and a few whole networks. Weights are shapes only: graphs point into one file of weights
that `ProbeKit.unpack` fills with seeded random values, so that no ``onnx`` package is needed on the device.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar, Literal, Self, TypeAlias

import numpy as np
from pydantic import Field, model_validator

from dna_deploy.errors import TableError, UsageError
from dna_deploy.records.files import Migration, Part, Provenance, digest_of, read_bytes, write_atomically
from dna_deploy.records.space_record import HeadedRecord, with_head
from dna_deploy.targets.target import Precision

WEIGHTS_FILE = "weights.bin"
"""The name that graphs know the file of weights by."""

MANIFEST = "manifest.json"
MAX_GRAPH_BYTES = 16 << 20
MAX_KIT_BYTES = 256 << 20
MAX_WEIGHTS_BYTES = 8 << 30
_EPOCH = (1980, 1, 1, 0, 0, 0)
_GRAPH_NAME = re.compile(r"[a-z0-9-]{1,64}\.onnx")

Role: TypeAlias = Literal["empty", "sentinel", "layer", "calibration", "validation"]
"""Fixed overhead · timed again and again to see drift · a row of the table · fitted on · judged on."""


class KitTensor(Part):
    """A tensor of weights: where it lies in the file of weights, and how it is filled."""

    offset: int = Field(ge=0, lt=MAX_WEIGHTS_BYTES)
    count: int = Field(gt=0, lt=MAX_WEIGHTS_BYTES)
    dtype: Literal["float32", "float16", "int8", "uint8", "int32"] = "float32"
    deviation: float = Field(default=1.0, gt=0, le=1e6)

    @property
    def bytes(self) -> int:
        return self.count * np.dtype(self.dtype).itemsize

    def values(self, rng: np.random.Generator) -> np.ndarray:
        """Random values of the right size: normal for floats, uniform for integers."""
        if self.dtype.startswith("float"):
            return (rng.standard_normal(self.count, dtype=np.float32) * np.float32(self.deviation)).astype(self.dtype)
        limits = np.iinfo(np.int16 if self.dtype == "int32" else self.dtype)
        return rng.integers(limits.min, limits.max, self.count, dtype=limits.dtype, endpoint=True).astype(self.dtype)


class KitProbe(Part):
    """One graph of the kit."""

    role: Role
    key: str = Field(description="the layer's key, or the architecture's line", max_length=4096)
    file: str
    digest: str


class KitManifest(HeadedRecord):
    """What a kit holds, and the digest of every file in it."""

    KIND: ClassVar[str] = "probe-kit"
    SCHEMA_VERSION: ClassVar[int] = 2
    MIGRATIONS: ClassVar[Mapping[int, Migration]] = MappingProxyType({1: with_head})

    provenance: Provenance
    seed: int = Field(ge=0)
    batch: int = Field(ge=1)
    precision: Precision
    tensors: tuple[KitTensor, ...]
    probes: tuple[KitProbe, ...]

    @model_validator(mode="after")
    def _is_sound(self) -> Self:
        for probe in self.probes:
            if not _GRAPH_NAME.fullmatch(probe.file):
                raise ValueError(f"{probe.file!r} is no name for a graph")
        names = [(probe.role, probe.key) for probe in self.probes]
        if len(set(names)) != len(names):
            raise ValueError("two probes have the same role and key")
        if not any(probe.role == "layer" for probe in self.probes):
            raise ValueError("there is no layer in it")
        for role in ("empty", "sentinel"):
            if sum(probe.role == role for probe in self.probes) != 1:
                raise ValueError(f"there is not exactly one {role!r} probe in it")
        if self.weights_bytes >= MAX_WEIGHTS_BYTES:
            raise ValueError(f"its weights would take {self.weights_bytes} bytes")
        return self

    @property
    def weights_bytes(self) -> int:
        """The size of the file of weights."""
        return max((tensor.offset + tensor.bytes for tensor in self.tensors), default=0)


@dataclass(frozen=True)
class ProbeKit:
    """A manifest and the graphs that it names."""

    manifest: KitManifest
    graphs: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """Names what is in the kit, whenever and wherever it was written."""
        body = self.manifest.model_dump_json(exclude={"provenance", "head"})
        return digest_of(body.encode())

    def probes(self, *roles: Role) -> tuple[KitProbe, ...]:
        """The probes of these roles, in the manifest's order."""
        return tuple(probe for probe in self.manifest.probes if probe.role in roles)

    def write(self, path: Path) -> None:
        """Writes the kit atomically."""
        write_atomically(path, self.content())

    def content(self) -> bytes:
        """The kit as a zip; equal kits make equal bytes."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
            for name, content in ((MANIFEST, self.manifest.content()), *sorted(self.graphs.items())):
                file.writestr(zipfile.ZipInfo(name, _EPOCH), content, zipfile.ZIP_DEFLATED, 9)
        return buffer.getvalue()

    @classmethod
    def read(cls, path: Path) -> Self:
        """The kit in a file.

        Raises:
            TableError: it is missing, damaged, tampered with, absurdly large, or of a newer version.
        """
        return cls.parse(read_bytes(path, "probe kit"), str(path))

    @classmethod
    def parse(cls, content: bytes, name: str) -> Self:
        """The kit in some bytes; ``name`` says in errors where they came from."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as file:
                sizes = [info.file_size for info in file.infolist()]
                if sum(sizes) > MAX_KIT_BYTES:
                    raise TableError(f"the probe kit {name} would unpack to {sum(sizes)} bytes", "it is not one of ours")
                manifest = KitManifest.parse(_member(file, MANIFEST), f"{name}:{MANIFEST}")
                graphs = {probe.file: _graph(file, probe, name) for probe in manifest.probes}
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, OSError) as error:
            hint = "it is truncated or damaged; make it again with: dna-deploy kit"
            raise TableError(f"{name} is not a probe kit: {error}", hint) from error
        return cls(manifest, graphs)

    def unpack(self, folder: Path, files: Sequence[str] | None = None) -> None:
        """Puts the graphs and random weights into a folder, ready to be loaded.

        Raises:
            UsageError: the disk is full or the folder cannot be written.
        """
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in self.graphs.items():
                if files is None or name in files:
                    (folder / name).write_bytes(content)
            _fill(folder / WEIGHTS_FILE, self.manifest)
        except OSError as error:
            hint = f"{self.manifest.weights_bytes} bytes of temporary space are needed; set TMPDIR to a larger disk"
            raise UsageError(f"cannot unpack the probe kit into {folder}: {error.strerror or error}", hint) from error


def _member(file: zipfile.ZipFile, name: str) -> bytes:
    try:
        info = file.getinfo(name)
    except KeyError:
        raise TableError(f"the probe kit lacks {name}", "it is damaged; make it again with: dna-deploy kit") from None
    if info.file_size > MAX_GRAPH_BYTES:
        raise TableError(f"{name} in the probe kit would unpack to {info.file_size} bytes", "it is not one of ours")
    with file.open(info) as stream:
        # One byte more than announced shows a header that lies.
        content = stream.read(info.file_size + 1)
    if len(content) != info.file_size:
        raise TableError(f"{name} in the probe kit has {len(content)} bytes, not {info.file_size}")
    return content


def _graph(file: zipfile.ZipFile, probe: KitProbe, name: str) -> bytes:
    content = _member(file, probe.file)
    if digest_of(content) != probe.digest:
        raise TableError(f"{probe.file} in {name} does not match its digest", "it was edited or damaged; make it again")
    return content


def _fill(path: Path, manifest: KitManifest) -> None:
    rng = np.random.default_rng(manifest.seed)
    with path.open("wb") as file:
        for tensor in manifest.tensors:
            file.seek(tensor.offset)
            file.write(tensor.values(rng).tobytes())
