"""The pack's own graphs on the way to a GPU: lowered, compiled for one of paper, and still the same pictures."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx")

from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import Parity, compare, random_probes
from engines.backends.plan_cache import PlanCache, PlanOptions, source_of
from engines.backends.tensorrt import open_tensorrt
from engines.backends.tensorrt_compile import Judge, compile_plan
from tests.engines.backends.gpu import install

NEAR = Parity(worst=2e-2, mean=5e-3)  # random weights in float16; a graph that is compiled wrongly is off by far more


@pytest.mark.slow
@pytest.mark.parametrize(("name", "batch"), [("frame_step.onnx", 2), ("encode.onnx", 1)])
def test_a_compiled_graph_of_a_pack_gives_the_reference_s_results(
    monkeypatch: pytest.MonkeyPatch, miniature: Path, tmp_path: Path, name: str, batch: int
) -> None:
    install(monkeypatch)
    path, cache, options = miniature / name, PlanCache(tmp_path, ""), PlanOptions("float16")
    source = source_of(path)
    reference = open_onnx(path, batch, threads=1)
    probes = list(random_probes(reference.inputs, count=2))
    compile_plan(source, batch, options, cache, Judge(reference, probes), lambda progress: True)
    graph = open_tensorrt(source, batch, options, cache)
    assert compare(reference, graph, random_probes(reference.inputs, count=2, seed=1)).within(NEAR)
    assert graph.execution.how == "CUDA graph"
