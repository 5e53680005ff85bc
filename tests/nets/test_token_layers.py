"""Layers that are no convolutions cost what others count, and layers with two inputs are exported, probed and timed."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from dna_deploy.contracts import SpaceContract
from dna_deploy.errors import UsageError
from dna_deploy.export.formats.onnx_graph import export_onnx
from dna_deploy.export.kits.kit import KitPlan, make_kit
from dna_deploy.latency.runners.onnxruntime_runner import OnnxRuntimeRunner
from dna_deploy.nets.layers import build_layer
from dna_deploy.spaces.operations import Conv, MBConv
from dna_deploy.spaces.operations.tokens import Add, FeedForward, Patches, SelfAttention
from dna_deploy.spaces.placed import PlacedLayer
from dna_deploy.spaces.shapes import FeatureMap, Tokens
from dna_deploy.spaces.space import SearchSpace
from dna_deploy.targets.target import Target
from tests.nets.made import counted_by_fvcore
from tests.spaces.two_ways import TwoWays

SPACE = TwoWays()
LAYERS = [
    PlacedLayer(Patches(4), FeatureMap(3, 32, 32), 48),
    PlacedLayer(SelfAttention(3), Tokens(64, 48), 48),
    PlacedLayer(SelfAttention(12), Tokens(197, 48), 48),
    PlacedLayer(FeedForward(4), Tokens(64, 48), 48),
]


class TestTwoWays(SpaceContract):
    name = "two-ways"

    @cached_property
    def space(self) -> SearchSpace:
        return SPACE


@pytest.mark.parametrize("layer", LAYERS, ids=str)
def test_fvcore_and_our_counter_agree_on_layers_of_tokens(layer: PlacedLayer) -> None:
    assert counted_by_fvcore(layer) == (layer.parameters, layer.macs)


def test_attention_has_multiply_accumulates_without_weights() -> None:
    short, long = (PlacedLayer(SelfAttention(3), Tokens(length, 48), 48) for length in (64, 128))
    assert short.parameters == long.parameters
    assert long.macs > 2 * short.macs
    assert [step.macs for step in short.steps if not step.weights] == [64 * 64 * 48, 64 * 64 * 48]


@pytest.mark.parametrize("layer", LAYERS[:2], ids=str)
def test_onnx_infers_the_shape_that_we_say(layer: PlacedLayer) -> None:
    model = onnx.shape_inference.infer_shapes(export_onnx(build_layer(layer), layer.inputs), strict_mode=True)
    (output,) = model.graph.output
    assert tuple(size.dim_value for size in output.type.tensor_type.shape.dim) == (1, *layer.output.sizes)


@pytest.mark.parametrize(
    ("layer", "key"),
    [
        (LAYERS[1], "attention(heads=3) 64x48->48/1"),
        (PlacedLayer(Add(), FeatureMap(8, 4, 4), 8, 1, (FeatureMap(8, 4, 4),)), "add() 8x4x4+8x4x4->8/1"),
        (PlacedLayer(Conv(3), FeatureMap(1, 28, 28), 16), "conv(kernel_size=3,activation=silu) 1x28x28->16/1"),
    ],
)
def test_keys_name_tokens_and_several_inputs_and_maps_as_before(layer: PlacedLayer, key: str) -> None:
    assert layer.key == key
    assert PlacedLayer.parse(key) == layer


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (PlacedLayer(Conv(3), Tokens(9, 8), 8), "a feature map is needed where 9x8"),
        (PlacedLayer(SelfAttention(2), FeatureMap(8, 3, 3), 8), "tokens and a stride of 1 are needed"),
        (PlacedLayer(SelfAttention(3), Tokens(9, 8), 8), "3 heads cannot map 9x8 to 8 channels"),
        (PlacedLayer(Add(), FeatureMap(8, 3, 3), 8), "cannot add 8x3x3 to 8 channels"),
        (PlacedLayer(MBConv(3, 1), FeatureMap(8, 3, 3), 8, 1, (FeatureMap(8, 3, 3),)), "where 8x3x3\\+8x3x3 is received"),
    ],
)
def test_an_operation_in_a_place_where_it_cannot_stand_is_refused(layer: PlacedLayer, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        max(layer.output.elements, layer.macs)


def test_a_layer_of_two_inputs_is_probed_and_timed_like_any_other(tmp_path: Path) -> None:
    kit = make_kit(SPACE, KitPlan(calibration_networks=2, validation_networks=2))
    assert [probe.key for probe in kit.probes("layer")] == [layer.key for layer in SPACE.rows()]
    kit.unpack(tmp_path)
    runner = OnnxRuntimeRunner(Target(name="cpu"))
    for probe in [*kit.probes("layer"), *kit.probes("validation")]:
        session = runner.load(tmp_path / probe.file)
        layers = [PlacedLayer.parse(probe.key)] if probe.role == "layer" else SPACE.place(SPACE.parse(probe.key))[:1]
        assert list(session.shapes.values()) == [(1, *shape.sizes) for shape in layers[0].inputs]
        assert all(nanoseconds > 0 for nanoseconds in session.time_runs(3))


def test_a_network_put_together_from_probes_computes_what_its_layers_do(tmp_path: Path) -> None:
    kit = make_kit(SPACE, KitPlan(calibration_networks=1, validation_networks=4))
    kit.unpack(tmp_path)

    def run(file: str, *values: np.ndarray) -> np.ndarray:
        session = onnxruntime.InferenceSession(tmp_path / file, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        return np.asarray(session.run(None, dict(zip(names, values, strict=True)))[0])

    files = {probe.key: probe.file for probe in kit.probes("layer")}
    image = np.random.default_rng(0).standard_normal((1, 1, 8, 8), dtype=np.float32)
    for probe in kit.probes("validation"):
        network, made = SPACE.parse(probe.key), list[np.ndarray]()
        for layer, sources in zip(SPACE.place(network), SPACE.wires(network), strict=True):
            made.append(run(files[layer.key], *(image if source < 0 else made[source] for source in sources)))
        np.testing.assert_allclose(run(probe.file, image), made[-1], rtol=1e-4)
