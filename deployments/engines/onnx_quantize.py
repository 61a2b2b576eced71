"""An ONNX graph of a text encoder in int8, with fixed scales for its activations.

ONNX Runtime's dynamic quantisation takes one scale for a whole batch, so that a text's vector depends on the texts computed with
it (cosine 0.99 to its own vector when computed alone). Scales measured once, here, make the vector a matter of its text only, at
the same speed and accuracy. With fixed scales a product, its scaling and its bias can also be one operation (MatMulIntegerToFloat of
ONNX Runtime's own operators, docs/ContribOperators.md): apart, each of them reads and writes all of the layer once more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime  # type: ignore[import-untyped]
from onnxruntime.quantization import QuantType, quantize_dynamic  # type: ignore[import-untyped]

Inputs = Mapping[str, npt.NDArray[Any]]
Range = tuple[float, float]
OPERATORS = "com.microsoft"


def quantize(whole: Path, target: Path, samples: Sequence[Inputs]) -> None:
    """Write ``whole`` (float32) to ``target`` (int8); the scales come from what passes through the graph for ``samples``."""
    # Per channel: 0.99 of the original's cosine instead of 0.96. reduce_range: with all 8 bits, the int8 kernels of CPUs without VNNI
    # (as old as a P40) overflow.
    quantize_dynamic(whole, target, weight_type=QuantType.QInt8, per_channel=True, reduce_range=True)
    model = onnx.load(target)
    dynamic = [node for node in model.graph.node if node.op_type == "DynamicQuantizeLinear"]
    ranges = _ranges(whole, sorted({node.input[0] for node in dynamic}), samples)
    for node in dynamic:
        _fix(model.graph, node, ranges[node.input[0]])
    _join(model)
    onnx.save(model, target)


def _ranges(whole: Path, tensors: list[str], samples: Sequence[Inputs]) -> dict[str, Range]:
    """Least and largest value of each tensor over all samples; 0 is always within, since padding must be exact."""
    model = onnx.load(whole)
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in tensors)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL  # fusion would remove what is to be measured
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    least, most = np.zeros(len(tensors)), np.zeros(len(tensors))
    for sample in samples:
        values = session.run(tensors, sample)
        least = np.minimum(least, [value.min() for value in values])
        most = np.maximum(most, [value.max() for value in values])
    return {name: (float(low), float(high)) for name, low, high in zip(tensors, least, most, strict=True)}


def _fix(graph: onnx.GraphProto, node: onnx.NodeProto, bounds: Range) -> None:
    """Put a QuantizeLinear with constant scale and zero point in the place of a DynamicQuantizeLinear."""
    low, high = bounds
    step = (high - low) / 255
    quantized, scale, zero = node.output
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(step, np.float32), scale))
    graph.initializer.append(onnx.numpy_helper.from_array(np.array(round(-low / step), np.uint8), zero))
    fixed = onnx.helper.make_node("QuantizeLinear", [node.input[0], scale, zero], [quantized], name=f"{node.name}_fixed")
    place = list(graph.node).index(node)
    graph.node.remove(node)
    graph.node.insert(place, fixed)


@dataclass(frozen=True, slots=True)
class _Product:
    """A product in integers and what follows it, as quantize_dynamic writes them: converted, scaled, and a bias added where there is one.
    ``scaling``: what multiplies the two scales."""

    product: onnx.NodeProto
    converted: onnx.NodeProto
    scaled: onnx.NodeProto
    scaling: onnx.NodeProto
    biased: onnx.NodeProto | None
    bias: str

    def joined(self, scale: str) -> onnx.NodeProto:
        """All of it in one operation; ``scale`` is that of the activations, the other is the weights'."""
        of_weights = next(name for name in self.scaling.input if name != scale)
        values, weights, zero, zero_of_weights = self.product.input
        given = [values, weights, scale, of_weights, zero, zero_of_weights, *filter(None, [self.bias])]
        last = self.biased or self.scaled
        return onnx.helper.make_node("MatMulIntegerToFloat", given, list(last.output), name=self.product.name, domain=OPERATORS)


def _join(model: onnx.ModelProto) -> None:
    """Put one operation in the place of each product and what belongs to it."""
    graph = model.graph
    made = {output: node for node in graph.node for output in node.output}
    for node in [node for node in graph.node if node.op_type == "MatMulInteger"]:
        found = _product(graph, made, node)
        if found is None:
            continue
        last = found.biased or found.scaled
        graph.node.insert(list(graph.node).index(last), found.joined(made[node.input[0]].input[1]))
        for part in filter(None, (node, found.converted, found.scaled, found.biased)):
            graph.node.remove(part)
    wanted = {name for node in graph.node for name in node.input} | {output.name for output in graph.output}
    for node in [node for node in graph.node if wanted.isdisjoint(node.output)]:
        graph.node.remove(node)
    if all(known.domain != OPERATORS for known in model.opset_import):
        model.opset_import.append(onnx.helper.make_opsetid(OPERATORS, 1))


def _product(graph: onnx.GraphProto, made: Mapping[str, onnx.NodeProto], product: onnx.NodeProto) -> _Product | None:
    """None for one that is followed by something else, which stays as it is."""
    users = defaultdict[str, list[onnx.NodeProto]](list)
    for node in graph.node:
        for name in node.input:
            users[name].append(node)
    converted = _only(users[product.output[0]], "Cast")
    scaled = _only(users[converted.output[0]], "Mul") if converted is not None else None
    if converted is None or scaled is None or made[product.input[0]].op_type != "QuantizeLinear":
        return None
    scaling = made.get(next(name for name in scaled.input if name != converted.output[0]))
    if scaling is None:
        return None
    biased = _only(users[scaled.output[0]], "Add")
    rows = {tensor.name for tensor in graph.initializer if len(tensor.dims) == 1}
    bias = next((name for name in biased.input if name in rows), "") if biased is not None else ""
    return _Product(product, converted, scaled, scaling, biased if bias else None, bias)


def _only(users: Sequence[onnx.NodeProto], kind: str) -> onnx.NodeProto | None:
    return users[0] if len(users) == 1 and users[0].op_type == kind else None
