from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime  # type: ignore[import-untyped]
import pytest
from onnx import TensorProto
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info
from onnx.numpy_helper import from_array

from deployments.engines.onnx_quantize import quantize

ROWS, IN, OUT = 6, 32, 48
RNG = np.random.default_rng(0)
WEIGHTS = RNG.normal(size=(IN, OUT)).astype(np.float32)
BIAS = RNG.normal(size=OUT).astype(np.float32)
VALUES = RNG.normal(size=(ROWS, IN)).astype(np.float32)
# A product, and what is done with it.
PLAIN = (make_node("MatMul", ["x", "weights"], ["y"], name="product"),)
BIASED = (make_node("MatMul", ["x", "weights"], ["z"], name="product"), make_node("Add", ["z", "bias"], ["y"], name="sum"))
USED_TWICE = (*BIASED[:1], make_node("Add", ["z", "z"], ["y"], name="sum"))
ADDED_ALL_OVER = (*BIASED[:1], make_node("Add", ["z", "field"], ["y"], name="sum"))


def written(path: Path, nodes: tuple[onnx.NodeProto, ...]) -> Path:
    constants = {"weights": WEIGHTS, "bias": BIAS, "field": np.ones((ROWS, OUT), np.float32)}
    used = {name for node in nodes for name in node.input}
    graph = make_graph(
        nodes,
        "test",
        [make_tensor_value_info("x", TensorProto.FLOAT, [None, IN])],
        [make_tensor_value_info("y", TensorProto.FLOAT, [None, OUT])],
        [from_array(value, name) for name, value in constants.items() if name in used],
    )
    onnx.save(make_model(graph, opset_imports=[make_opsetid("", 20)], ir_version=10), path)
    return path


def result(path: Path) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    found: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = onnxruntime.InferenceSession(path).run(None, {"x": VALUES})[0]
    return found


@pytest.mark.parametrize(
    ("nodes", "kinds"),
    [
        (PLAIN, {"QuantizeLinear": 1, "MatMulIntegerToFloat": 1}),
        (BIASED, {"QuantizeLinear": 1, "MatMulIntegerToFloat": 1}),
        (USED_TWICE, {"QuantizeLinear": 1, "MatMulIntegerToFloat": 1, "Add": 1}),
        (ADDED_ALL_OVER, {"QuantizeLinear": 1, "MatMulIntegerToFloat": 1, "Add": 1}),
    ],
    ids=["plain", "biased", "used twice", "added all over"],
)
def test_a_product_and_what_belongs_to_it_are_one_operation_in_int8_with_the_same_result(tmp_path, nodes, kinds):
    whole, target = written(tmp_path / "whole.onnx", nodes), tmp_path / "int8.onnx"
    quantize(whole, target, [{"x": VALUES}])
    assert Counter(node.op_type for node in onnx.load(target).graph.node) == kinds
    expected = result(whole)
    assert np.abs(result(target) - expected).max() < 0.05 * np.abs(expected).max()


def test_what_a_row_gives_does_not_depend_on_the_rows_beside_it(tmp_path):
    whole, target = written(tmp_path / "whole.onnx", BIASED), tmp_path / "int8.onnx"
    quantize(whole, target, [{"x": VALUES}])
    session = onnxruntime.InferenceSession(target)
    together = session.run(None, {"x": np.concatenate([VALUES[:1], 100 * VALUES[1:]])})[0]
    assert (session.run(None, {"x": VALUES[:1]})[0] == together[:1]).all()
