"""TensorRT and TensorRT-RTX: engines built from the ONNX file. One Python API, two packages.

TensorRT needs the GPU that the engine is for. TensorRT-RTX builds ahead of time on a machine without any.
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

from dna_deploy.errors import DependencyError, UsageError
from dna_deploy.export.formats.catalog import Conversion, Format
from dna_deploy.records.files import write_atomically

RTX_CAPABILITIES = ("SM80", "SM86", "SM89", "SM120")
"""The GPUs that one RTX engine runs on: Ampere, Ada and Blackwell. Turing lacks single-precision matrix products."""

OPEN_BATCHES = (1, 1, 64)
"""Least, most usual and greatest batch of an engine whose model leaves it open."""

_HINTS = {
    "tensorrt_rtx": "pip install 'dna-deploy[tensorrt-rtx]'",
    "tensorrt": "pip install 'dna-deploy[tensorrt]' (from NVIDIA's own package index)",
}


def convert(package: str, conversion: Conversion, path: Path) -> None:
    """Builds an engine.

    Raises:
        DependencyError: the package or its libraries are not here, or TensorRT finds no GPU.
        UsageError: an operator is not supported; its layer is named.
    """
    trt = _load(package)
    log = _Log(trt)
    builder = _builder(trt, log, package)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, log.logger)
    if not parser.parse(conversion.onnx_file.read_bytes()):
        problem = parser.get_error(0)
        raise UsageError(
            f"{package} cannot use the operator {problem.node_operator()} in {conversion.onnx_file.name}: {problem.desc()}",
            f"it is in {problem.node_name()}",
        )
    config = builder.create_builder_config()
    _open_batch(builder, network, config)
    if package == "tensorrt_rtx":
        config.num_compute_capabilities = len(RTX_CAPABILITIES)
        for index, name in enumerate(RTX_CAPABILITIES):
            config.set_compute_capability(getattr(trt.ComputeCapability, name), index)
    engine = builder.build_serialized_network(network, config)
    if engine is None:
        raise UsageError(f"{package} cannot build an engine: {log.last_error}")
    write_atomically(path, bytes(engine))


ENGINE = Format(".tensorrt.engine", "fp32", ("polygraphy",), partial(convert, "tensorrt"))
RTX_ENGINE = Format(".tensorrt-rtx.engine", "fp32", (), partial(convert, "tensorrt_rtx"))


def _open_batch(builder: Any, network: Any, config: Any) -> None:
    """Says for which batches to optimise, where the model leaves its batch open."""
    input = network.get_input(0)
    _, *image = tuple(input.shape)
    if input.shape[0] < 0:
        profile = builder.create_optimization_profile()
        profile.set_shape(input.name, *((batch, *image) for batch in OPEN_BATCHES))
        config.add_optimization_profile(profile)


class _Log:
    """Keeps the last error that the builder speaks of, and the rest away from the user."""

    def __init__(self, trt: Any) -> None:
        self.last_error = "it does not say why"
        outer = self

        class Logger(trt.ILogger):  # type: ignore[misc]  # known once the package is imported
            def __init__(self) -> None:
                trt.ILogger.__init__(self)

            def log(self, severity: Any, message: str) -> None:
                if severity in (trt.ILogger.Severity.ERROR, trt.ILogger.Severity.INTERNAL_ERROR):
                    outer.last_error = message

        self.logger = Logger()


def _load(package: str) -> Any:
    try:
        return import_module(package)
    except (ImportError, OSError) as error:
        raise DependencyError(f"{package} cannot be loaded: {error}", _HINTS[package]) from error


def _builder(trt: Any, log: _Log, package: str) -> Any:
    try:
        return trt.Builder(log.logger)
    except (RuntimeError, TypeError) as error:
        raise DependencyError(f"{package} cannot build here: {log.last_error}", "it needs an NVIDIA GPU") from error
