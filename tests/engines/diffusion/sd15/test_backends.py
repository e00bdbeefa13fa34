"""A pack of Stable Diffusion on every runtime: PyTorch as the reference, TensorRT on a stand-in, from plans by name."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("transformers")
pytest.importorskip("onnx")

import onnx
from safetensors.numpy import load_file, save_file

from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import LIMITS, Parity, ParityError, compare, random_probes
from engines.backends.plan_cache import PlanCache, PlanOptions
from engines.backends.precision import weight_files
from engines.backends.registry import COMPILE, PLANS, UnknownBackend, opener
from engines.backends.tensorrt_compile import compile_plans
from engines.diffusion.cuda_graph import open_captured
from engines.diffusion.pack import SHIPPED, WEIGHTS, PackError
from engines.diffusion.sd15.build.export import check
from engines.diffusion.sd15.model import frame_step_specs
from engines.diffusion.sd15.pack import FRAME_STEP, GRAPHS, load_pack, read_manifest
from engines.diffusion.sd15.weights import read_weights
from tests.engines.backends.gpu import install
from tests.engines.diffusion.miniature import write_miniature

EXACT = Parity(worst=1e-3, mean=1e-3)
HALF = Parity(worst=2e-2, mean=5e-3)


@pytest.fixture(params=["live", "paper"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("batch", [1, 3])
def test_onnx_runtime_and_pytorch_agree(folder: Path, batch: int) -> None:
    graph = open_onnx(folder / FRAME_STEP, batch, 1)
    reference = open_captured(folder, device="cpu", precision="float32")(folder / FRAME_STEP, batch, 1)
    assert compare(reference, graph, random_probes(graph.inputs, 2, seed=batch)).within(EXACT)
    assert graph.inputs == frame_step_specs(read_manifest(folder).model, batch)[0]


def test_the_embedded_pack_runs_on_captured_pytorch_too(tmp_path: Path) -> None:
    folder = write_miniature(tmp_path / "pack")
    graph = open_onnx(folder / FRAME_STEP, 2, 1)
    reference = open_captured(folder, device="cpu", precision="float32")(folder / FRAME_STEP, 2, 1)
    assert compare(reference, graph, random_probes(graph.inputs, 2)).within(EXACT)


@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_captured_pytorch_computes_the_pack_that_ships_in_every_precision(precision: str) -> None:
    graph = open_captured(SHIPPED, "cpu", precision)(SHIPPED / FRAME_STEP, 1, 1)
    reference = open_onnx(SHIPPED / FRAME_STEP, 1, 1)
    assert compare(reference, graph, random_probes(graph.inputs, 1, seed=5)).within(LIMITS[precision])


def test_captured_pytorch_that_computes_the_embedded_pack_wrongly_is_refused(miniature: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(miniature, tmp_path / "pack"))
    tensors = load_file(folder / WEIGHTS)
    last = next(name for name in sorted(tensors) if name.startswith("decoder.") and name.endswith(".weight"))
    save_file({**tensors, last: -tensors[last]}, folder / WEIGHTS)
    with pytest.raises(ParityError, match="expected results within"):
        open_captured(folder, "cpu", "float32")(folder / FRAME_STEP, 1, 1)


def test_graphs_are_as_the_standard_has_them_and_hold_no_weights(folder: Path) -> None:
    for name in GRAPHS:
        model = check(folder / name)
        assert weight_files(folder / name) == (folder / "weights.safetensors",)
        assert all(weight.data_location == onnx.TensorProto.EXTERNAL for weight in model.graph.initializer)


def test_plans_are_compiled_found_and_refused(live: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    folder = Path(shutil.copytree(live, tmp_path / "pack"))
    path, cache = folder / FRAME_STEP, PlanCache(folder / PLANS, COMPILE)
    compile_plans(path, (1, 2), PlanOptions(), cache, open_onnx(path, 1, 1), lambda batch, progress: True)
    pack = load_pack(folder, threads=1, batches=(1, 2), open_graph=opener("tensorrt"))
    reference = open_onnx(path, 2, 1)
    assert compare(reference, pack.frame_steps[2], random_probes(reference.inputs, 1, seed=3)).within(HALF)
    with pytest.raises(PackError, match=r"expected a plan for graph frame_step.*batch 4.*; compile it on this machine"):
        load_pack(folder, threads=1, batches=(1, 4), open_graph=opener("tensorrt"))
    with pytest.raises(PackError, match=r"expected a plan for .*bfloat16"):
        load_pack(folder, threads=1, batches=(1,), open_graph=opener("tensorrt", "bfloat16"))


def test_weights_of_another_model_are_refused(live: Path, paper: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(live, tmp_path / "pack"))
    shutil.copy(paper / "weights.safetensors", folder)
    with pytest.raises(PackError, match=r"the manifest's model, found .* tensors that differ"):
        read_weights(folder)


def test_an_unknown_runtime_is_told_which_there_are() -> None:
    with pytest.raises(UnknownBackend, match="onnxruntime, openvino, pytorch-cuda, tensorrt"):
        opener("abacus")
