"""How much a graph computes: the multiplications and additions of its convolutions and matrix products."""

from __future__ import annotations

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime

from engines.backends.onnxruntime import BATCH

MULTIPLY_AND_ADD = 2
PRODUCTS = ("Conv", "ConvTranspose", "MatMul", "Gemm")


def gflop(path: Path) -> float | None:
    """For a batch of 1, in 10⁹; None where the package onnx is not installed."""
    if find_spec("onnx") is None:
        return None
    import onnx

    with tempfile.TemporaryDirectory() as folder:
        known = Path(folder) / "known.onnx"
        _with_known_sizes(path, known)
        graph = onnx.shape_inference.infer_shapes(onnx.load(known), data_prop=True).graph
    shapes = {each.name: _shape(each) for each in [*graph.value_info, *graph.input, *graph.output]}
    shapes |= {each.name: tuple(each.dims) for each in graph.initializer}
    return sum(_node(node, shapes) for node in graph.node if node.op_type in PRODUCTS) / 1e9


def _with_known_sizes(path: Path, to: Path) -> None:
    """Have the runtime fix the batch and fold what follows from it: sizes that were computed become numbers."""
    options = onnxruntime.SessionOptions()
    options.add_free_dimension_override_by_name(BATCH, 1)
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(to)
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def _shape(value: Any) -> tuple[int, ...]:
    return tuple(dim.dim_value for dim in value.type.tensor_type.shape.dim)


def _node(node: Any, shapes: dict[str, tuple[int, ...]]) -> float:
    left, right, result = (shapes.get(name, ()) for name in (*node.input[:2], node.output[0]))
    if not all(shape and 0 not in shape for shape in (left, right, result)):
        raise ValueError(f"{node.op_type} {node.name}: expected known sizes, found {left}, {right} and {result}")
    if node.op_type == "Conv":  # weights: out, in / groups, then the kernel
        return MULTIPLY_AND_ADD * float(np.prod(result)) * float(np.prod(right[1:]))
    if node.op_type == "ConvTranspose":  # weights: in, out / groups, then the kernel
        return MULTIPLY_AND_ADD * float(np.prod(left)) * float(np.prod(right[1:]))
    turned = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    return MULTIPLY_AND_ADD * float(np.prod(result)) * (right[-1] if turned else right[-2])
