"""Parity finds agreement where there is agreement, and every way of not agreeing."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from dna_deploy.errors import DependencyError, ParityError, UsageError
from dna_deploy.export.checks.parity import check_parity
from dna_deploy.export.formats.model_file import ExportResult, export_architecture
from dna_deploy.records.model_card import Absent
from tests.export.networks import images, lively_weights, tiny
from tests.spaces.chains import FASHION

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> ExportResult:
    folder = tmp_path_factory.mktemp("exported")
    return export_architecture(FASHION, tiny(), lively_weights(folder / "w.safetensors", tiny()), folder)


def damaged(exported: ExportResult, path: Path, factor: float) -> Path:
    """The model with one convolution's weights scaled."""
    model = onnx.load(exported.path)
    tensor = next(one for one in model.graph.initializer if one.name.startswith("blocks.1.0") and len(one.dims) == 4)
    tensor.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(tensor) * np.float32(factor), tensor.name))
    onnx.save(model, path)
    return path


def test_onnx_runtime_openvino_and_the_reference_evaluator_compute_what_torch_does(exported: ExportResult) -> None:
    labels = np.arange(32) % 10
    parity = check_parity(exported.network, exported.path, images(), labels)
    assert {judge.judge: judge.images for judge in parity.judges} == {"onnxruntime": 32, "openvino": 32, "onnx-reference": 16}
    assert parity.largest_score > 0.5, "scores this small would agree whatever the model computes"
    for judge in parity.judges:
        assert judge.max_absolute_error < 1e-4 * parity.largest_score
        assert judge.mean_absolute_error <= judge.max_absolute_error
        assert judge.same_answers == judge.images
    assert parity.judges[0].metrics == parity.metrics
    assert not isinstance(parity.metrics, Absent)
    assert parity.metrics[0].images == 32


def test_number_of_images_need_not_fit_the_batch_of_the_model(exported: ExportResult, tmp_path: Path) -> None:
    result = export_architecture(FASHION, tiny(), None, tmp_path, batch=8)
    parity = check_parity(result.network, result.path, images(13), judges=("onnxruntime", "openvino"))
    assert {judge.images for judge in parity.judges} == {13}
    assert isinstance(parity.metrics, Absent)


@pytest.mark.parametrize("factor", [1.01, -1.0])
def test_damaged_model_is_refused(exported: ExportResult, tmp_path: Path, factor: float) -> None:
    with pytest.raises(ParityError, match=r"bad.onnx under onnxruntime: scores differ by up to .* \(fp32\)") as caught:
        check_parity(exported.network, damaged(exported, tmp_path / "bad.onnx", factor), images())
    assert caught.value.exit_code == 7


def test_scores_that_are_not_numbers_are_refused(exported: ExportResult, tmp_path: Path) -> None:
    with pytest.raises(ParityError, match="under onnxruntime some scores are not numbers"):
        check_parity(exported.network, damaged(exported, tmp_path / "bad.onnx", float("nan")), images())


def test_missing_judge_is_named_and_the_others_judge(exported: ExportResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "openvino", None)
    parity = check_parity(exported.network, exported.path, images(4))
    assert parity.absent_judges == {"openvino": "openvino is not installed"}
    with pytest.raises(DependencyError, match=r"nothing here can run model.onnx: openvino is not installed"):
        check_parity(exported.network, exported.path, images(4), judges=("openvino",))


def test_operator_that_a_runtime_lacks_is_named_with_its_layer(exported: ExportResult, tmp_path: Path) -> None:
    model = onnx.load(exported.path)
    node = next(node for node in model.graph.node if node.name == "blocks.1.0.body.1.0/Conv")
    node.op_type, node.domain = "FancyConv", "somewhere.else"
    model.opset_import.append(onnx.helper.make_opsetid("somewhere.else", 1))
    onnx.save(model, tmp_path / "odd.onnx")
    with pytest.raises(UsageError, match="FancyConv") as caught:
        check_parity(exported.network, tmp_path / "odd.onnx", images(4), judges=("onnxruntime",))
    assert caught.value.hint == "it is in blocks.1.0.body.1.0 (FancyConv)"
    with pytest.raises(UsageError, match="FancyConv"):
        check_parity(exported.network, tmp_path / "odd.onnx", images(4), judges=("openvino",))


def test_no_images_is_no_parity(exported: ExportResult) -> None:
    with pytest.raises(UsageError, match="at least one image"):
        check_parity(exported.network, exported.path, images(0))
