"""An int8 kit holds what an exported int8 network computes, and its layers are what stands within such a network."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto

from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.kits.kit import KitPlan, make_kit
from dna_deploy.export.kits.weights import load_network
from dna_deploy.export.runtimes.onnx_runtime import quantised
from dna_deploy.records.probe_kit import ProbeKit
from tests.spaces.chains import TOY as SPACE

pytestmark = pytest.mark.slow

BYTES = TensorProto.UINT8


@pytest.fixture(scope="module")
def kit() -> ProbeKit:
    return make_kit(SPACE, KitPlan(calibration_networks=3, validation_networks=2, precision="int8"))


def fused(path: Path) -> Counter[str]:
    """The operators that ONNX Runtime makes of a model."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath, options.log_severity_level = str(path.with_suffix(".fused")), 4
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(path.with_suffix(".fused"), load_external_data=False).graph.node)


def kinds_at_the_ends(content: bytes) -> tuple[int, int]:
    graph = onnx.load_from_string(content).graph
    return graph.input[0].type.tensor_type.elem_type, graph.output[0].type.tensor_type.elem_type


def test_a_whole_network_becomes_the_same_operators_as_the_exported_int8_one(kit: ProbeKit, tmp_path: Path) -> None:
    kit.unpack(tmp_path)
    for probe in kit.probes("validation"):
        network, _ = load_network(SPACE, SPACE.parse(probe.key), None)
        onnx.save(export_onnx(network, SPACE.input), tmp_path / "plain.onnx")
        images = np.random.default_rng(0).standard_normal((1, *vars(SPACE.input).values()), dtype=np.float32)
        exported = quantised(tmp_path / "plain.onnx", [{"input": images}])
        onnx.save(exported, tmp_path / "exported.onnx")
        ours = onnx.load_from_string(kit.graphs[probe.file])
        assert Counter(node.op_type for node in ours.graph.node) == Counter(node.op_type for node in exported.graph.node)
        found = fused(tmp_path / probe.file)
        assert found == fused(tmp_path / "exported.onnx")
        assert found["QLinearConv"] > 0 == found["Conv"]


def test_layers_take_and_give_bytes_and_whole_networks_do_not(kit: ProbeKit, tmp_path: Path) -> None:
    kit.unpack(tmp_path)
    for probe in kit.probes("layer", "sentinel"):
        assert kinds_at_the_ends(kit.graphs[probe.file]) == (BYTES, BYTES), probe.key
        found = fused(tmp_path / probe.file)
        assert found["QLinearConv"] > 0 == found["Conv"], probe.key
        assert "head(" in probe.key or found["QuantizeLinear"] + found["DequantizeLinear"] == 0, probe.key
    for probe in kit.probes("calibration", "validation"):
        assert kinds_at_the_ends(kit.graphs[probe.file]) == (TensorProto.FLOAT, TensorProto.FLOAT)


def test_weights_are_left_out_and_scales_are_constants_held_once(kit: ProbeKit) -> None:
    assert {tensor.dtype for tensor in kit.manifest.tensors} == {"int8", "int32"}
    assert sum(tensor.count for tensor in kit.manifest.tensors) == sum(layer.deployed_parameters for layer in SPACE.rows())
    for content in kit.graphs.values():
        inside = [of for of in onnx.load_from_string(content).graph.initializer if of.data_location != TensorProto.EXTERNAL]
        shapes = Counter((of.data_type, tuple(of.dims), of.raw_data) for of in inside)
        assert all(count == 1 for count in shapes.values())
        assert all(
            len(set(np.unique(onnx.numpy_helper.to_array(of)))) == 1 for of in inside if of.data_type != TensorProto.INT64
        )


def test_the_same_space_makes_the_same_int8_kit(kit: ProbeKit) -> None:
    assert make_kit(SPACE, KitPlan(calibration_networks=3, validation_networks=2, precision="int8")).digest == kit.digest
