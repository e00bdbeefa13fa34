"""A graph with a convolution, a norm, attention of a kind and two outputs, written in a moment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

CHANNELS, SIDE = 8, 6


def small_model(opset: int = 17, scale: float = 0.3) -> ModelProto:
    """picture (batch, 3, 6, 6), light (batch, 1) → drawn (batch, 3, 6, 6), level (batch, 8)."""
    draw = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array(draw.normal(0, scale, shape).astype(np.float32), name)

    nodes = [
        helper.make_node("Conv", ["picture", "first"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("InstanceNormalization", ["a", "gain", "bias"], ["b"], epsilon=1e-5),
        helper.make_node("Sigmoid", ["b"], ["c"]),
        helper.make_node("Mul", ["b", "c"], ["d"]),
        helper.make_node("Conv", ["d", "second"], ["e"], pads=[1, 1, 1, 1]),
        helper.make_node("Add", ["a", "e"], ["f"]),
        helper.make_node("Constant", [], ["half"], value=numpy_helper.from_array(np.array(0.5, np.float32))),
        helper.make_node("Mul", ["f", "half"], ["g"]),
        helper.make_node("ReduceMean", ["g"], ["mean"], axes=[2, 3], keepdims=0),
        helper.make_node("Gemm", ["mean", "mix"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["level"], axis=-1),
        helper.make_node("Resize", ["g", "", "doubled"], ["h"], mode="nearest"),
        helper.make_node("Conv", ["h", "last"], ["i"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Unsqueeze", ["light", "axes"], ["l"]),
        helper.make_node("Add", ["i", "l"], ["drawn"]),
    ]
    weights = [
        weight("first", CHANNELS, 3, 3, 3),
        weight("gain", CHANNELS),
        weight("bias", CHANNELS),
        weight("second", CHANNELS, CHANNELS, 3, 3),
        weight("mix", CHANNELS, CHANNELS),
        weight("last", 3, CHANNELS, 3, 3),
        numpy_helper.from_array(np.array([1, 1, 2, 2], np.float32), "doubled"),
        numpy_helper.from_array(np.array([2, 3], np.int64), "axes"),
    ]
    values = {
        "picture": (3, SIDE, SIDE),
        "light": (1,),
        "drawn": (3, SIDE, SIDE),
        "level": (CHANNELS,),
    }
    infos = {
        name: helper.make_tensor_value_info(name, TensorProto.FLOAT, ["batch", *shape])
        for name, shape in values.items()
    }
    graph = helper.make_graph(
        nodes, "small", [infos["picture"], infos["light"]], [infos["drawn"], infos["level"]], weights
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def write_small(folder: Path, scale: float = 0.3) -> Path:
    path = folder / "small.onnx"
    onnx.save(small_model(scale=scale), path)
    return path
