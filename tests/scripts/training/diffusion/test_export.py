"""What is done to a graph on its way into a pack."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="packs are made with torch: pip install -e .[train]")
onnx = pytest.importorskip("onnx", reason="packs are made with onnx: pip install -e .[train]")

import onnxruntime as ort  # noqa: E402

from engines.backends.api import TensorSpec  # noqa: E402
from scripts.training.diffusion.export import LARGE, export_onnx, halve  # noqa: E402


def specs(width: int) -> tuple[list[TensorSpec], list[TensorSpec]]:
    return [TensorSpec("x", (1, width), np.dtype(np.float32))], [TensorSpec("y", (1, width), np.dtype(np.float32))]


def run(path: Path, x: np.ndarray) -> np.ndarray:
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return np.asarray(session.run(None, {"x": x})[0])


@pytest.fixture
def exported(tmp_path: Path) -> tuple[Any, Path]:
    torch.manual_seed(0)
    module = torch.nn.Linear(32, 32)  # one tensor that is large and one that is not
    export_onnx(module, *specs(32), tmp_path / "a.onnx")
    return module, tmp_path / "a.onnx"


def test_an_exported_graph_computes_what_the_module_does(exported: tuple[Any, Path]) -> None:
    module, path = exported
    x = np.random.default_rng(0).normal(size=(1, 32)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(run(path, x), expected, atol=5e-3)


def test_the_batch_is_free(exported: tuple[Any, Path]) -> None:
    _, path = exported
    x = np.random.default_rng(0).normal(size=(5, 32)).astype(np.float32)
    rows = np.concatenate([run(path, row[None]) for row in x])
    np.testing.assert_allclose(run(path, x), rows, atol=1e-5)


def test_large_tensors_are_stored_in_half_and_small_ones_are_not(exported: tuple[Any, Path]) -> None:
    _, path = exported
    kinds = {int(np.prod(t.dims)): t.data_type for t in onnx.load(path).graph.initializer}
    assert kinds[32 * 32] == onnx.TensorProto.FLOAT16
    assert kinds[32] == onnx.TensorProto.FLOAT
    assert 32 < LARGE <= 32 * 32


def test_halving_twice_changes_nothing_more(exported: tuple[Any, Path]) -> None:
    _, path = exported
    model = onnx.load(path)
    before = model.SerializeToString()
    halve(model.graph)
    assert model.SerializeToString() == before


def test_no_machine_s_paths_are_left_in_the_file(exported: tuple[Any, Path]) -> None:
    _, path = exported
    assert str(path.parent).encode() not in path.read_bytes()
    assert not onnx.load(path).metadata_props
