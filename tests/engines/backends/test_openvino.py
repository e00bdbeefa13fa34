"""Graphs on OpenVINO: they agree with ONNX Runtime, and one that breaks is refused before it is used."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from engines.backends.api import GraphError
from engines.backends.onnxruntime import open_onnx
from engines.backends.openvino import ALIKE, Openvino, probe
from engines.backends.parity import compare, random_probes
from engines.backends.registry import BACKENDS, UnknownBackend, opener
from tests.engines.backends.small_graph import write_small


def test_a_backend_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(UnknownBackend, match=", ".join(BACKENDS)):
        opener("abacus")


@pytest.mark.parametrize("batch", [1, 3])
def test_results_are_those_of_onnx_runtime(tmp_path: Path, batch: int) -> None:
    pytest.importorskip("openvino")
    path = write_small(tmp_path)
    graph = Openvino().open(path, batch, 1)
    parity = compare(open_onnx(path, batch, 1), graph, random_probes(graph.inputs, 3, seed=9))
    assert parity.within(ALIKE[graph.precision])
    assert parity.worst > 0 or graph.precision == "f32"


def test_a_result_belongs_to_the_caller(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    graph = Openvino().open(write_small(tmp_path), 1, 1)
    one, other = random_probes(graph.inputs, 2)
    first = graph.run(one)["drawn"]
    kept = first.copy()
    graph.run(other)
    np.testing.assert_array_equal(first, kept)


def test_several_threads_may_compute_at_once(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    graph = Openvino().open(write_small(tmp_path), 1, 1)
    probes = list(random_probes(graph.inputs, 40))
    alone = [graph.run(probe) for probe in probes]
    with ThreadPoolExecutor(3) as threads:
        together = list(threads.map(graph.run, probes))
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(other["drawn"], one["drawn"])


def test_a_file_that_is_no_graph_is_refused_by_the_child(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    path = tmp_path / "graph.onnx"
    path.write_bytes(b"no graph")
    with pytest.raises(GraphError, match="onnxruntime"):
        probe(path, 1, 1)


def test_without_openvino_the_fix_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino.py").write_text("raise ImportError('not on this machine')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(GraphError, match="not on this machine"):
        Openvino().open(write_small(tmp_path), 1, 1)


def test_a_processor_on_which_it_breaks_is_found_in_the_child(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "openvino.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGFPE)\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with pytest.raises(GraphError, match="signal 8"):
        Openvino().open(write_small(tmp_path), 1, 1)
