"""TensorRT's backend on a GPU of paper: compile, judge, keep, open, run, and every refusal on the way."""

from __future__ import annotations

import gc
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("onnx", reason="plans are made of ONNX graphs: install the tensorrt extra")

import onnx

from engines.backends.api import GraphError, Tensors, TensorSpec
from engines.backends.device_constants import frozen
from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import Parity, ParityError, compare, random_probes
from engines.backends.plan_cache import PlanCache, PlanError, PlanOptions, source_of
from engines.backends.tensorrt import TensorRtGraph, open_tensorrt
from engines.backends.tensorrt_build import CompileStopped, Progress
from engines.backends.tensorrt_compile import Judge, RowByRow, compile_plan, compile_plans, judges
from tests.engines.backends.gpu import FakeTensorRt, install
from tests.engines.backends.small_graph import write_small

OPTIONS = PlanOptions("float16")
FIX = "run the compiler again"


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRt:
    return install(monkeypatch)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_small(tmp_path)


@pytest.fixture
def cache(tmp_path: Path) -> PlanCache:
    return PlanCache(tmp_path / "plans", FIX)


def go_on(progress: Progress) -> bool:
    return True


def made(
    source: Path,
    cache: PlanCache,
    batch: int = 2,
    options: PlanOptions = OPTIONS,
    report: Callable[[Progress], bool] = go_on,
) -> Path:
    reference = open_onnx(source, batch, threads=1)
    judge = Judge(reference, list(random_probes(reference.inputs)))
    return compile_plan(source_of(source), batch, options, cache, judge, report)


def opened(source: Path, cache: PlanCache) -> TensorRtGraph:
    return open_tensorrt(source_of(source), 2, OPTIONS, cache)


def test_a_compiled_plan_gives_what_the_reference_gives(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    graph = opened(source, cache)
    reference = open_onnx(source, 2, threads=1)
    assert compare(reference, graph, random_probes(reference.inputs, seed=9)).within(Parity(1e-2, 1e-2))
    assert (graph.inputs, graph.outputs) == (reference.inputs, reference.outputs)


@pytest.mark.parametrize("precision", ["float16", "float32"])
def test_the_network_is_strongly_typed_and_no_size_is_open(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache, precision: str
) -> None:
    made(source, cache, batch=4, options=PlanOptions(precision, tf32=False))
    [(network, config)] = tensorrt.built
    model = onnx.load_from_string(network.model)
    assert network.flags == 1
    assert [value.type.tensor_type.shape.dim[0].dim_value for value in model.graph.input] == [4, 4]
    assert (config.builder_optimization_level, config.workspace, config.cleared) == (4, 8 << 30, ["TF32"])


def test_progress_is_told_phase_by_phase(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    told: list[Progress] = []

    def tell(progress: Progress) -> bool:
        told.append(progress)
        return True

    made(source, cache, report=tell)
    assert told[:4] == [
        Progress("Building", None, 0, 2),
        Progress("Tactics", "Building", 0, 3),
        Progress("Tactics", "Building", 1, 3),
        Progress("Tactics", "Building", 2, 3),
    ]


def test_a_compilation_can_be_ended_and_leaves_nothing(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    with pytest.raises(CompileStopped, match="stopped before"):
        made(source, cache, report=lambda progress: progress.done < 1)
    assert not list(cache.folder.glob("*.plan"))


def test_an_interrupt_comes_through_the_compiler(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    def interrupted(progress: Progress) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made(source, cache, report=interrupted)


def test_what_is_there_is_not_made_again(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    assert made(source, cache) == made(source, cache)
    assert len(tensorrt.built) == 1


def test_plans_for_several_batch_sizes_are_made_in_one_go(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache
) -> None:
    told: list[tuple[int, str]] = []

    def report(batch: int, progress: Progress) -> bool:
        told.append((batch, progress.phase))
        return True

    made = compile_plans(source, (1, 4), OPTIONS, cache, open_onnx(source, 1, threads=1), report)
    assert [name for batch, name in told if batch == 4] == [name for batch, name in told if batch == 1]
    assert told[-1] == (4, "comparing with the reference")
    assert sorted(cache.folder.glob("*.plan")) == sorted(made.values())
    graph = open_tensorrt(source_of(source), 4, OPTIONS, cache)
    assert graph.inputs[0].shape[0] == 4


def test_the_reference_computes_no_row_twice() -> None:
    class Counting:
        inputs = (TensorSpec("x", (1, 2), np.dtype(np.float32)),)
        outputs = (TensorSpec("y", (1, 2), np.dtype(np.float32)),)
        runs = 0

        def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
            self.runs += 1
            return {"y": 3 * feeds["x"]}

    reference = Counting()
    for batch, judge in judges(reference, (1, 2, 4, 8)).items():
        assert isinstance(judge.reference, RowByRow)
        for probe in judge.probes:
            assert probe["x"].shape == (batch, 2)
            np.testing.assert_array_equal(judge.reference.run(probe)["y"], 3 * probe["x"])
    assert reference.runs == 3


def test_rows_that_change_places_are_noticed(tensorrt: FakeTensorRt, source: Path) -> None:
    judge = judges(open_onnx(source, 1, threads=1), (4,))[4]
    whole = open_onnx(source, 4, threads=1)
    assert compare(judge.reference, whole, judge.probes).within(Parity(1e-5, 1e-5))

    class Turned(RowByRow):
        def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
            return {name: value[::-1] for name, value in super().run(feeds).items()}

    turned = Turned(open_onnx(source, 1, threads=1), 4)
    assert compare(judge.reference, turned, judge.probes).worst > 0.1


def test_a_plan_that_computes_something_else_is_not_kept(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache
) -> None:
    def wrongly(model: bytes) -> bytes:
        graph = onnx.load_from_string(model)
        norm = next(node for node in graph.graph.node if node.op_type == "InstanceNormalization")
        norm.attribute[0].f = 3.0  # epsilon
        return bytes(graph.SerializeToString())

    tensorrt.compiles = wrongly
    with pytest.raises(ParityError, match="expected results within"):
        made(source, cache)
    assert not list(cache.folder.glob("*.plan"))


def test_weights_that_leave_float16_are_refused_with_the_fix(
    tensorrt: FakeTensorRt, tmp_path: Path, cache: PlanCache
) -> None:
    with pytest.raises(GraphError, match=r"expected weights up to 65504, found .* bfloat16"):
        made(write_small(tmp_path, scale=1e6), cache)


@pytest.mark.parametrize(
    ("precision", "fix"), [("float32", "compile it in float16"), ("bfloat16", "with --backend pytorch-cuda")]
)
def test_a_graph_too_large_for_a_message_is_refused_with_a_way_out(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache, monkeypatch: pytest.MonkeyPatch, precision: str, fix: str
) -> None:
    monkeypatch.setattr("engines.backends.tensorrt_build.LARGEST_MODEL", 1000)
    with pytest.raises(GraphError, match=f"expected at most 2 GiB at {precision}; .*{fix}"):
        made(source, cache, options=PlanOptions(precision))


def test_the_parser_s_objections_are_told(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    tensorrt.complaints = ["no such convolution"]
    with pytest.raises(GraphError, match=r"Conv 'here': no such convolution"):
        made(source, cache)


def test_no_way_to_compile_is_an_error(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    tensorrt.compiles = None
    with pytest.raises(GraphError, match="found no way to compile"):
        made(source, cache)


def test_a_server_without_a_plan_says_how_to_make_one(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    with pytest.raises(PlanError, match=f"found none; {FIX}"):
        opened(source, cache)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: setattr(t, "__version__", "11.4.0.106"), "tensorrt 10.16.1.11"),
        (lambda t: setattr(t.cuda, "name", "Other GPU"), "name Paper GPU"),
        (lambda t: setattr(t.cuda, "capability", (8, 9)), r"capability 9\.0"),
    ],
)
def test_a_plan_of_another_version_or_gpu_is_refused_and_named(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache, change: Callable[[FakeTensorRt], None], words: str
) -> None:
    made(source, cache)
    change(tensorrt)
    with pytest.raises(PlanError, match=words):
        opened(source, cache)


def test_a_plan_of_changed_weights_is_refused(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    write_small(source.parent, scale=0.31)
    with pytest.raises(PlanError, match=r"found small-b2-.*content"):
        opened(source, cache)


def test_a_damaged_plan_is_refused(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    plan = made(source, cache)
    plan.write_bytes(plan.read_bytes()[:-1] + b"x")
    with pytest.raises(PlanError, match="it is damaged"):
        opened(source, cache)


def test_what_the_gate_measured_is_kept_with_the_plan(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    note = json.loads(made(source, cache).with_suffix(".json").read_text())
    assert 0 < note["parity"]["worst"] <= note["parity"]["limit"]["worst"]
    assert note["key"]["tensorrt"] == "10.16.1.11"


def test_a_run_is_one_launch_of_a_captured_graph(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    graph = opened(source, cache)
    tensorrt.cuda.log.clear()
    graph.run(next(random_probes(graph.inputs)))
    assert graph.execution.how == "CUDA graph"
    assert tensorrt.cuda.log == [
        "cudaSetDevice",
        "cudaMemcpyAsync",
        "cudaMemcpyAsync",
        "cudaGraphLaunch",
        "cudaMemcpyAsync",
        "cudaMemcpyAsync",
        "cudaStreamSynchronize",
    ]


def rows_of(graph: TensorRtGraph, count: int) -> list[Tensors]:
    probes = random_probes(graph.inputs, count)
    return [{name: value[0].copy() for name, value in probe.items()} for probe in probes]


def test_rows_give_what_they_give_in_a_batch(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    graph = opened(source, cache)
    rows = rows_of(graph, 4)
    rows[1]["light"], rows[2]["picture"] = frozen(rows[1]["light"]), frozen(rows[2]["picture"])
    for one, other in ((0, 1), (1, 2), (2, 3), (3, 1)):
        pair = [rows[one], rows[other]]
        wanted = graph.run({name: np.stack([row[name] for row in pair]) for name in rows[0]})
        for place, result in enumerate(graph.run_rows(pair)):
            np.testing.assert_array_equal(result["drawn"], wanted["drawn"][place])
        np.testing.assert_array_equal(graph.run_rows(pair[:1])[0]["drawn"], wanted["drawn"][0])
    assert len(graph.constants) == 2


def test_what_is_kept_of_a_presenter_goes_with_it(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    graph = opened(source, cache)
    blocks = len(tensorrt.cuda.device)
    row = rows_of(graph, 1)[0]
    row["picture"] = frozen(row["picture"])
    for _ in range(3):
        graph.run_rows([row])
    assert len(tensorrt.cuda.device) == blocks + 1
    del row
    gc.collect()
    assert len(tensorrt.cuda.device) == blocks


@pytest.mark.parametrize(
    "refused", ["cudaStreamBeginCapture", "cudaStreamEndCapture", "cudaGraphInstantiate", "enqueue"]
)
def test_without_a_captured_graph_it_runs_all_the_same_and_says_so(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache, refused: str, caplog: pytest.LogCaptureFixture
) -> None:
    made(source, cache)
    captured = opened(source, cache)
    tensorrt.cuda.refuse.add(refused)
    tensorrt.refuses_capture = refused == "enqueue"
    with caplog.at_level(logging.WARNING):
        enqueued = opened(source, cache)
    assert (enqueued.execution.how, caplog.messages[0][:13]) == ("enqueue", "no CUDA graph")
    assert enqueued.execution.why
    assert compare(captured, enqueued, random_probes(captured.inputs)) == Parity()


def test_results_stay_the_caller_s_own(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    graph = opened(source, cache)
    probes = list(random_probes(graph.inputs, count=5))
    kept = [graph.run(probe) for probe in probes]
    again = [{name: value.copy() for name, value in graph.run(probe).items()} for probe in probes]
    for one, other in zip(kept, again, strict=True):
        np.testing.assert_array_equal(one["drawn"], other["drawn"])
        np.testing.assert_array_equal(one["level"], other["level"])


def test_memory_of_results_is_used_again_once_nothing_holds_them(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache
) -> None:
    made(source, cache)
    graph = opened(source, cache)
    blocks = len(tensorrt.cuda.host)
    for probe in random_probes(graph.inputs, count=20):
        last = graph.run(probe)["drawn"][0, 0]  # a view keeps the whole array
    assert len(tensorrt.cuda.host) == blocks
    assert last.shape == (6, 6)


def test_closing_gives_everything_back(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    gc.collect()
    assert (tensorrt.cuda.device, tensorrt.cuda.host, tensorrt.cuda.streams, tensorrt.cuda.graphs) == ({}, {}, {}, {})
    graph = opened(source, cache)
    presenter = {name: frozen(value) for name, value in rows_of(graph, 1)[0].items()}
    graph.run_rows([presenter])
    graph.close()
    graph.close()
    assert (tensorrt.cuda.device, tensorrt.cuda.host, tensorrt.cuda.streams, tensorrt.cuda.graphs) == ({}, {}, {}, {})


def test_a_graph_that_nobody_holds_is_closed(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    graph = opened(source, cache)
    del graph
    gc.collect()
    assert (tensorrt.cuda.device, tensorrt.cuda.host) == ({}, {})


def test_too_little_memory_is_said_before_it_is_tried(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    tensorrt.cuda.free_memory = 1 << 19
    with pytest.raises(GraphError, match=r"expected 1 MiB of free GPU memory, found 0"):
        opened(source, cache)


def test_wrong_feeds_are_refused(tensorrt: FakeTensorRt, source: Path, cache: PlanCache) -> None:
    made(source, cache)
    graph = opened(source, cache)
    feeds = next(random_probes(graph.inputs))
    with pytest.raises(GraphError, match="picture: expected"):
        graph.run(feeds | {"picture": feeds["picture"][:1]})


@pytest.mark.parametrize("version", ["10.12.0.1", "12.0.0.1", "8.6.1"])
def test_versions_that_were_never_looked_at_are_refused(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache, version: str
) -> None:
    tensorrt.__version__ = version
    with pytest.raises(GraphError, match=f"expected TensorRT 10.13 or later, before 12, found {version}"):
        opened(source, cache)


def test_a_machine_without_a_gpu_is_told_what_to_install(
    tensorrt: FakeTensorRt, source: Path, cache: PlanCache
) -> None:
    tensorrt.cuda.refuse.add("cudaSetDevice")
    with pytest.raises(GraphError, match=r"expected an NVIDIA GPU number 0, found none: .*nvidia-smi"):
        opened(source, cache)
