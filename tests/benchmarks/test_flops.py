"""How much small graphs compute, counted by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="counting needs onnx: install the train extra")

from benchmarks.measuring.flops import gflop  # noqa: E402
from engines.backends.onnxruntime import BATCH  # noqa: E402


def saved(folder: Path, nodes: list[object], weights: dict[str, np.ndarray], shape: list[object]) -> Path:
    """A graph from x of that shape to y."""
    helper, floats = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "small",
        [helper.make_tensor_value_info("x", floats, shape)],
        [helper.make_tensor_value_info("y", floats, None)],
        [onnx.numpy_helper.from_array(values.astype(np.float32), name) for name, values in weights.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = folder / "small.onnx"
    path.write_bytes(model.SerializeToString())
    return path


def test_a_convolution_counts_its_kernel_at_every_place(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    path = saved(tmp_path, [node], {"w": np.ones((8, 3, 3, 3))}, [BATCH, 3, 10, 12])
    assert gflop(path) == pytest.approx(2 * 8 * 10 * 12 * 3 * 3 * 3 / 1e9)


def test_groups_share_the_work(tmp_path: Path) -> None:
    node = onnx.helper.make_node("Conv", ["x", "w"], ["y"], group=4)
    path = saved(tmp_path, [node], {"w": np.ones((8, 1, 1, 1))}, [BATCH, 4, 5, 5])
    assert gflop(path) == pytest.approx(2 * 8 * 5 * 5 / 1e9)


def test_a_transposed_convolution_counts_its_input(tmp_path: Path) -> None:
    node = onnx.helper.make_node("ConvTranspose", ["x", "w"], ["y"], strides=[2, 2])
    path = saved(tmp_path, [node], {"w": np.ones((4, 6, 2, 2))}, [BATCH, 4, 5, 5])
    assert gflop(path) == pytest.approx(2 * 4 * 5 * 5 * 6 * 2 * 2 / 1e9)


@pytest.mark.parametrize(("turned", "shape"), [(0, (16, 7)), (1, (7, 16))])
def test_products_count_their_inner_size_turned_or_not(tmp_path: Path, turned: int, shape: tuple[int, int]) -> None:
    node = onnx.helper.make_node("Gemm", ["x", "w"], ["y"], transB=turned)
    path = saved(tmp_path, [node], {"w": np.ones(shape)}, [BATCH, 16])
    assert gflop(path) == pytest.approx(2 * 7 * 16 / 1e9)


def test_layers_add_up_and_others_are_free(tmp_path: Path) -> None:
    nodes = [
        onnx.helper.make_node("MatMul", ["x", "a"], ["h"]),
        onnx.helper.make_node("Relu", ["h"], ["r"]),
        onnx.helper.make_node("MatMul", ["r", "b"], ["y"]),
    ]
    path = saved(tmp_path, nodes, {"a": np.ones((6, 5)), "b": np.ones((5, 3))}, [BATCH, 6])
    assert gflop(path) == pytest.approx(2 * (5 * 6 + 3 * 5) / 1e9)
