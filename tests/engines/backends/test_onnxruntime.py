"""Graphs on ONNX Runtime: sizes are fixed when they are opened, and damage is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.backends.api import GraphError
from engines.backends.onnxruntime import open_onnx

onnx = pytest.importorskip("onnx")


def doubling(path: Path, shape: tuple[str | int, ...] = ("batch", 2), kind: int = 1) -> Path:
    """A graph that doubles its input."""
    values = [onnx.helper.make_tensor_value_info(name, kind, shape) for name in ("x", "y")]
    node = onnx.helper.make_node("Add", ["x", "x"], ["y"])
    graph = onnx.helper.make_graph([node], "doubling", values[:1], values[1:])
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_a_graph_is_opened_for_one_batch_size(tmp_path: Path, batch: int) -> None:
    graph = open_onnx(doubling(tmp_path / "g.onnx"), batch, threads=1)
    x = np.arange(2 * batch, dtype=np.float32).reshape(batch, 2)
    assert graph.inputs[0].shape == graph.outputs[0].shape == (batch, 2)
    np.testing.assert_array_equal(graph.run({"x": x})["y"], 2 * x)
    with pytest.raises(GraphError, match=rf"expected \({batch}, 2\)"):
        graph.run({"x": np.zeros((batch + 1, 2), np.float32)})


def test_a_result_belongs_to_the_caller(tmp_path: Path) -> None:
    graph = open_onnx(doubling(tmp_path / "g.onnx"), 1, threads=1)
    first = graph.run({"x": np.ones((1, 2), np.float32)})["y"]
    graph.run({"x": np.full((1, 2), 7, np.float32)})
    assert (first == 2).all()


def test_a_file_that_is_no_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "g.onnx").write_bytes(b"not a graph")
    with pytest.raises(GraphError, match=r"g\.onnx: ONNX Runtime .* refuses it"):
        open_onnx(tmp_path / "g.onnx", 1, threads=1)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match=r"g\.onnx"):
        open_onnx(tmp_path / "g.onnx", 1, threads=1)


def test_other_free_sizes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="expected fixed sizes of float32"):
        open_onnx(doubling(tmp_path / "g.onnx", ("batch", "width")), 1, threads=1)


def test_other_types_are_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="expected fixed sizes of float32"):
        open_onnx(doubling(tmp_path / "g.onnx", kind=onnx.TensorProto.DOUBLE), 1, threads=1)
