"""What is profiled is what is deployed: kits hold the very graphs that the final export makes, without weights."""

from __future__ import annotations

import random
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from onnx import numpy_helper

from dna_deploy.export.formats.graph_parts import GraphParts, WeightSpace
from dna_deploy.export.formats.onnx_graph import draw_shifts, export_onnx, export_side_by_side
from dna_deploy.export.kits.kit import KitPlan, choose_networks, make_kit, networks_to_fit_on
from dna_deploy.export.kits.kit_cache import cached_kit
from dna_deploy.nets.layers import build_layer
from dna_deploy.nets.network import Network
from dna_deploy.records.probe_kit import WEIGHTS_FILE, ProbeKit
from dna_deploy.spaces.architecture import Architecture
from dna_deploy.spaces.catalog import find_chain
from dna_deploy.spaces.chain import ChainSpace
from dna_deploy.spaces.options import layers_of, with_branches
from dna_deploy.spaces.placed import in_a_row
from tests.spaces.chains import TOY as SPACE

pytestmark = pytest.mark.slow

CATALOGUE = find_chain("catalogue").with_head()
FASHION = find_chain("fashion").with_head()


@pytest.fixture(scope="module")
def kit() -> ProbeKit:
    return make_kit(FASHION, KitPlan(seed=1, validation_networks=5))


def graph_of(kit: ProbeKit, file: str) -> onnx.GraphProto:
    return onnx.load_from_string(kit.graphs[file]).graph


def described(graph: onnx.GraphProto) -> list[tuple[object, ...]]:
    """Each node: its operator, its attributes, the shapes of its weights, and the constants that are no weights."""
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    places = {name: number for number, node in enumerate(graph.node) for name in node.output}
    seen = []
    for node in graph.node:
        inputs: list[object] = []
        for name in node.input:
            if name not in tensors:
                inputs.append(("from", places.get(name, "input")))
            elif tensors[name].data_type == onnx.TensorProto.FLOAT:
                inputs.append(("weights", tuple(tensors[name].dims)))
            else:
                inputs.append(("constant", numpy_helper.to_array(tensors[name]).tolist()))
        attributes = sorted((of.name, str(onnx.helper.get_attribute_value(of))) for of in node.attribute)
        seen.append((node.op_type, tuple(attributes), tuple(inputs)))
    return seen


def network_of(space: ChainSpace, architecture: Architecture) -> onnx.ModelProto:
    torch.manual_seed(0)
    network = Network(space, architecture)
    draw_shifts(network)
    return export_onnx(network, space.input)


def test_a_chained_network_is_node_by_node_the_exported_one(kit: ProbeKit) -> None:
    for probe in kit.probes("validation")[:2]:
        architecture = FASHION.parse(probe.key)
        assert described(graph_of(kit, probe.file)) == described(network_of(FASHION, architecture).graph)


def test_an_mbconv_network_with_squeeze_excite_chains_to_the_exported_one() -> None:
    small = find_chain("mbconv@32").with_head()
    rng = random.Random(3)
    architecture = small.sample(rng)
    layers = small.place(architecture)
    modules = [build_layer(layer) for layer in layers]
    for module in modules:
        draw_shifts(module)
    model = export_side_by_side(modules, [layer.inputs for layer in layers])
    parts = [GraphParts.of_output(model, index, WeightSpace()) for index in range(len(layers))]
    chain = GraphParts.joined(parts, in_a_row(layers))
    found = onnx.load_from_string(chain.as_model()).graph
    assert described(found) == described(network_of(small, architecture).graph)


def test_with_equal_weights_a_chained_network_computes_what_the_exported_one_does(kit: ProbeKit, tmp_path: Path) -> None:
    rng = random.Random(5)
    while True:
        architecture = FASHION.sample(rng)
        layers = FASHION.place(architecture)
        if len(set(layers)) == len(layers):
            break
    exported = network_of(FASHION, architecture)
    modules = [build_layer(layer) for layer in layers]
    for module in modules:
        draw_shifts(module)
    weights = WeightSpace()
    model = export_side_by_side(modules, [layer.inputs for layer in layers])
    parts = [GraphParts.of_output(model, index, weights) for index in range(len(layers))]
    chain = GraphParts.joined(parts, in_a_row(layers))
    graph = onnx.load_from_string(chain.as_model()).graph
    (tmp_path / "model.onnx").write_bytes(chain.as_model())
    content = bytearray(max(tensor.offset + tensor.bytes for tensor in weights.tensors))
    values = {tensor.name: numpy_helper.to_array(tensor) for tensor in exported.graph.initializer}
    pointers = {tensor.name: {of.key: of.value for of in tensor.external_data} for tensor in graph.initializer}
    for ours, theirs in zip(graph.node, exported.graph.node, strict=True):
        for mine, its in zip(ours.input, theirs.input, strict=True):
            if pointers.get(mine):
                offset, length = int(pointers[mine]["offset"]), int(pointers[mine]["length"])
                content[offset : offset + length] = values[its].tobytes()
    (tmp_path / WEIGHTS_FILE).write_bytes(content)
    images = np.random.default_rng(0).standard_normal((1, 1, 28, 28), dtype=np.float32)
    scores = [
        onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"]).run(None, {"input": images})[0]
        for source in (str(tmp_path / "model.onnx"), exported.SerializeToString())
    ]
    np.testing.assert_array_equal(*scores)


def test_a_kit_holds_every_row_no_weights_and_little_else(kit: ProbeKit, tmp_path: Path) -> None:
    kit.write(tmp_path / "f.kit")
    assert [probe.key for probe in kit.probes("layer")] == [layer.key for layer in FASHION.rows()]
    assert Counter(probe.role for probe in kit.manifest.probes)["calibration"] == 80
    assert (tmp_path / "f.kit").stat().st_size < 1_200 * len(kit.manifest.probes)
    for probe in kit.manifest.probes:
        graph = graph_of(kit, probe.file)
        assert [value.name for value in graph.input] == ["input"]
        for tensor in graph.initializer:
            is_weight = tensor.data_location == onnx.TensorProto.EXTERNAL
            assert is_weight or np.prod(tensor.dims) <= 2 or tensor.data_type == onnx.TensorProto.INT64
    weights = sum(layer.deployed_parameters for layer in FASHION.rows())
    assert sum(tensor.count for tensor in kit.manifest.tensors) == weights


def test_the_same_seed_makes_the_same_kit_and_the_cache_gives_it_back(tmp_path: Path) -> None:
    kit = cached_kit(SPACE, KitPlan(1, validation_networks=5), folder=tmp_path)
    (path,) = tmp_path.iterdir()
    moment = path.stat().st_mtime_ns
    assert cached_kit(SPACE, KitPlan(1, validation_networks=5), folder=tmp_path).digest == kit.digest
    assert path.stat().st_mtime_ns == moment
    path.write_bytes(path.read_bytes()[:1000])
    assert cached_kit(SPACE, KitPlan(1, validation_networks=5), folder=tmp_path).digest == kit.digest


def test_judged_networks_are_uniform_and_never_fitted_on() -> None:
    (_, fitted), (_, judged) = choose_networks(FASHION, seed=0, calibration=10, validation=40)
    assert (len(fitted), len(judged), len(set(fitted) | set(judged))) == (10, 40, 50)
    costs = [sum(layer.macs for layer in FASHION.place(architecture)) for architecture in fitted]
    assert costs == sorted(costs)
    assert costs[-1] > 2 * costs[0]


def test_spaces_of_small_networks_are_fitted_on_more_and_small_spaces_leave_some_to_judge() -> None:
    assert [networks_to_fit_on(find_chain(name).with_head()) for name in ("fashion", "mbconv")] == [80, 10]
    options = [
        [(operation.operation.code,) for operation in layer][: 2 if place < 5 else 1]
        for place, layer in enumerate(layers_of(CATALOGUE))
    ]
    few = with_branches(CATALOGUE, options)
    assert few.size() == 32
    (_, fitted), (_, judged) = choose_networks(few, seed=0, calibration=None, validation=40)
    assert (len(fitted), len(judged)) == (16, 16)


def test_half_precision_halves_everything() -> None:
    kit = make_kit(SPACE, KitPlan(calibration_networks=3, validation_networks=0, precision="fp16"))
    assert {tensor.dtype for tensor in kit.manifest.tensors} == {"float16"}
    graph = graph_of(kit, kit.probes("layer")[0].file)
    assert graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT16


def test_a_kit_is_profiled_where_torch_and_onnx_cannot_be_imported(kit: ProbeKit, tmp_path: Path) -> None:
    kit.write(tmp_path / "f.kit")
    blocked = tmp_path / "blocked"
    blocked.mkdir()
    for name in ("torch", "torchvision", "timm", "onnx", "onnxscript"):
        (blocked / f"{name}.py").write_text("raise ImportError('not on this device')\n")
    code = "import sys; sys.path.insert(0, 'blocked'); from dna_deploy.cli.app import main; main()"
    command = [sys.executable, "-c", code, "profile", "f.kit", "--rounds", "2", "--accept-noise"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "56 rows, 0 absent" in done.stdout
    assert (tmp_path / "latency_tables" / "fashion.cpu-1thread.json").exists()
