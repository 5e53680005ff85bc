"""What a model is fed with: nothing is guessed that changes how long it takes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from dna_deploy.errors import TableError, UsageError
from dna_deploy.latency.measure import measure_model
from dna_deploy.latency.runners.inputs import GivenInput, input_values
from dna_deploy.targets.plan import SamplingPlan
from dna_deploy.targets.target import Target

PLAN = SamplingPlan(rounds=2, runs=2, warmup_runs=1)
CPU = Target(name="cpu")


def values(sizes: tuple[int | None, ...], *given: str, dtype: str = "float32", batch: int = 1) -> np.ndarray:
    said = {one.name: one for one in map(GivenInput.parse, given)}
    return input_values("image", sizes, dtype, batch, said, np.random.default_rng(0))


def save(path: Path, inputs: dict[str, tuple[int, list[int | str]]], node: onnx.NodeProto) -> Path:
    graph = helper.make_graph(
        [node],
        "g",
        [helper.make_tensor_value_info(name, kind, sizes) for name, (kind, sizes) in inputs.items()],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)],
        [helper.make_tensor("table", TensorProto.FLOAT, [10, 4], np.ones(40))],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


@pytest.mark.parametrize(
    ("sizes", "given", "batch", "shape"),
    [
        ((1, 3, 8, 8), (), 1, (1, 3, 8, 8)),
        ((None, 3, 8, 8), (), 4, (4, 3, 8, 8)),
        ((None, 3, None, None), ("3x6x5",), 2, (2, 3, 6, 5)),
        ((1, 3, None, None), ("1x3x6x5",), 1, (1, 3, 6, 5)),
        ((1, 3, None, None), ("image=3x6x5",), 1, (1, 3, 6, 5)),
        ((), (), 1, ()),
    ],
)
def test_only_the_batch_is_filled_in_by_itself(
    sizes: tuple[int | None, ...], given: tuple[str, ...], batch: int, shape: tuple[int, ...]
) -> None:
    assert values(sizes, *given, batch=batch).shape == shape


@pytest.mark.parametrize(
    ("sizes", "given", "message"),
    [
        ((1, 3, None, None), (), r"'image' leaves sizes open: 1x3x\?x\?"),
        ((None, None), (), r"leaves sizes open: \?x\?"),
        ((1, 3, 8, None), ("4x8x8",), r"is 1x3x8x\?, and 1x4x8x8 was given"),
        ((1, 3, None, None), ("8x8",), r"has 4 sizes \(1x3x\?x\?\), and 8x8 was given"),
        ((1, 3, None, None), ("3x99999x99999",), "would hold 29,999,400,003 numbers"),
        ((1, 0, 8, 8), (), "is 1x0x8x8, which holds nothing"),
    ],
)
def test_sizes_that_are_open_or_do_not_fit_are_refused(
    sizes: tuple[int | None, ...], given: tuple[str, ...], message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        values(sizes, *given)
    assert caught.value.hint


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint16"])
def test_whole_numbers_are_asked_for_and_kept_to(dtype: str) -> None:
    with pytest.raises(UsageError, match="takes whole numbers") as caught:
        values((1, 64), dtype=dtype)
    assert "--input image=64:0..9" in caught.value.hint
    filled = values((1, 64), "image=64:2..5", dtype=dtype)
    assert set(np.unique(filled)) == {2, 3, 4, 5}
    assert values((1, 64), ":2..5", dtype=dtype).tolist() == filled.tolist()


def test_pixels_use_all_their_range_and_flags_are_flags() -> None:
    assert np.ptp(values((1, 3, 32, 32), dtype="uint8").astype(int)) > 200
    assert set(np.unique(values((1, 99), dtype="bool"))) == {False, True}


@pytest.mark.parametrize("text", ["", "x", "0x3", "3x", "a=", "a=3:5..1", "3x3:1", "3 x 3"])
def test_what_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        GivenInput.parse(text)
    assert repr(text) in caught.value.message


@pytest.mark.slow
def test_a_foreign_file_with_open_sizes_is_not_timed_at_one_pixel(tmp_path: Path) -> None:
    path = save(
        tmp_path / "open.onnx",
        {"image": (TensorProto.FLOAT, ["n", 3, "h", "w"])},
        helper.make_node("Relu", ["image"], ["out"]),
    )
    with pytest.raises(UsageError, match=r"'image' leaves sizes open: \?x3x\?x\?"):
        measure_model(path, CPU, PLAN)
    measured = measure_model(path, CPU, PLAN, inputs=(GivenInput.parse("3x32x24"),))
    assert measured.inputs == ("image 1x3x32x24",)
    with pytest.raises(UsageError, match="has no input 'picture'; it has image"):
        measure_model(path, CPU, PLAN, inputs=(GivenInput.parse("picture=3x32x24"), GivenInput.parse("3x32x24")))


@pytest.mark.slow
def test_several_inputs_and_whole_numbers_are_fed_as_said(tmp_path: Path) -> None:
    path = save(
        tmp_path / "ids.onnx",
        {"ids": (TensorProto.INT64, ["n", "length"])},
        helper.make_node("Gather", ["table", "ids"], ["out"]),
    )
    with pytest.raises(UsageError, match="'ids' leaves sizes open"):
        measure_model(path, CPU, PLAN)
    with pytest.raises(UsageError, match="'ids' takes whole numbers"):
        measure_model(path, CPU, PLAN, inputs=(GivenInput.parse("ids=16"),))
    assert measure_model(path, CPU, PLAN, inputs=(GivenInput.parse("ids=16:0..9"),)).inputs == ("ids 1x16",)
    two = save(
        tmp_path / "two.onnx",
        {"a": (TensorProto.FLOAT, [1, "k"]), "b": (TensorProto.FLOAT, [1, "k"])},
        helper.make_node("Add", ["a", "b"], ["out"]),
    )
    given = (GivenInput.parse("a=7"), GivenInput.parse("b=7"))
    assert measure_model(two, CPU, PLAN, inputs=given).inputs == ("a 1x7", "b 1x7")


def test_more_at_once_than_the_target_says_is_refused_where_the_file_leaves_it_open(tmp_path: Path) -> None:
    node = helper.make_node("Relu", ["image"], ["out"])
    path = save(tmp_path / "any.onnx", {"image": (TensorProto.FLOAT, ["n", 3, 8, 8])}, node)
    with pytest.raises(UsageError, match=r"any\.onnx takes 8 images at once; the target 'cpu' measures 1 image"):
        measure_model(path, CPU, PLAN, inputs=(GivenInput.parse("8x3x8x8"),))


def test_a_model_that_takes_nothing_is_not_timed(tmp_path: Path) -> None:
    path = save(tmp_path / "constant.onnx", {}, helper.make_node("Relu", ["table"], ["out"]))
    with pytest.raises((UsageError, TableError), match="takes no input"):
        measure_model(path, CPU, PLAN)


def test_a_batch_in_the_file_is_the_batch_of_the_target(tmp_path: Path) -> None:
    path = save(
        tmp_path / "one.onnx",
        {"image": (TensorProto.FLOAT, [1, 3, 8, 8])},
        helper.make_node("Relu", ["image"], ["out"]),
    )
    with pytest.raises(UsageError, match=r"one\.onnx takes 1 image at once; the target 'cpu' measures 8 images") as caught:
        measure_model(path, CPU.model_copy(update={"batch": 8}), PLAN)
    assert "--batch 8" in caught.value.hint
