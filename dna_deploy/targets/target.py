"""How to measure on a device: runtime, provider, precision, threads, batch. Lives in ``profiles/<name>/target.toml``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from dna_deploy.errors import UsageError
from dna_deploy.plugins import suggest

Precision = Literal["fp32", "fp16", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "int8")
BYTES_OF: Mapping[Precision, int] = {"fp32": 4, "fp16": 2, "int8": 1}
"""Of a weight or an activation."""

PROVIDERS = {"onnxruntime": "CPUExecutionProvider", "openvino": "CPU", "tensorrt": "cuda:0", "tensorrt_rtx": "cuda:0"}
"""What a target runs on that names its runtime and no provider."""


def as_precision(name: str) -> Precision:
    """The precision that a user wrote."""
    for precision in PRECISIONS:
        if name == precision:
            return precision
    raise UsageError(f"unknown precision {name!r}", suggest(name, PRECISIONS))


def images(count: int) -> str:
    """So many images, in words."""
    return "1 image" if count == 1 else f"{count} images"


def per(batch: int) -> str:
    """What a latency is of, in words."""
    return "an image" if batch == 1 else f"a batch of {images(batch)}"


class Target(BaseModel):
    """What a measured number is true for, besides the machine itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=64)
    runtime: str = "onnxruntime"
    provider: str = "CPUExecutionProvider"
    provider_options: dict[str, str] = Field(default_factory=dict)
    precision: Precision = "fp32"
    threads: int = Field(default=1, ge=1)
    pin: tuple[int, ...] | Literal["last"] | None = Field(
        default=None,
        description="logical processors to run on; 'last' takes as many as there are threads, from the end, where systems "
        "do the least of their own work; None leaves it to the system",
    )
    batch: int = Field(default=1, ge=1)
    input_size: int | None = Field(default=None, ge=1, description="height and width of images; None takes the space's own")

    @property
    def per(self) -> str:
        """What a latency is of, in words."""
        return per(self.batch)

    @model_validator(mode="before")
    @classmethod
    def _with_provider_of_runtime(cls, values: Any) -> Any:
        if isinstance(values, dict) and "provider" not in values:
            runtime = str(values.get("runtime", "onnxruntime"))
            return {**values, "provider": PROVIDERS[runtime]} if runtime in PROVIDERS else values
        return values
