"""Packs: read back as written, the same on every runtime, and refused when anything is damaged."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.backends.api import Graph, Tensors, TensorSpec
from engines.backends.onnxruntime import open_onnx
from engines.backends.registry import INT8, OpenGraph
from engines.diffusion import pack as packs
from engines.diffusion.pack import ENCODE, FILES, FRAME_STEP, MANIFEST, WEIGHTS, PackError, load_pack, write_manifest
from tests.engines.diffusion.miniature import MODEL

CLOSE = 1e-4


def feeds(specs: tuple[TensorSpec, ...], seed: int = 0) -> Tensors:
    draw = np.random.default_rng(seed)
    return {spec.name: draw.normal(size=spec.shape).astype(np.float32) for spec in specs}


@pytest.fixture
def copy(miniature: Path, tmp_path: Path) -> Path:
    """A pack to damage."""
    return Path(shutil.copytree(miniature, tmp_path / "pack"))


def rewrite_manifest(folder: Path) -> None:
    """Hashes of the files as they are now."""
    write_manifest(folder, "miniature", "0", "Apache-2.0", MODEL)


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_onnx_runtime_agrees_with_the_reference(miniature: Path, batch: int) -> None:
    from engines.diffusion.weights import reference

    pack = load_pack(miniature, threads=1, batches=(batch,))
    for graph, other in zip((pack.frame_steps[batch], pack.encode), reference(miniature, batch), strict=True):
        given = feeds(graph.inputs, seed=batch)
        results, expected = graph.run(given), other.run(given)
        assert results.keys() == expected.keys()
        for name, result in results.items():
            assert result.std() > 0.01
            np.testing.assert_allclose(result, expected[name], atol=CLOSE)


def test_a_row_of_a_batch_is_the_row_alone(miniature: Path) -> None:
    pack = load_pack(miniature, threads=1, batches=(1, 4))
    given = feeds(pack.frame_steps[4].inputs)
    together = pack.frame_steps[4].run(given)["picture"]
    for row in range(4):
        alone = pack.frame_steps[1].run({name: value[row : row + 1] for name, value in given.items()})
        np.testing.assert_allclose(together[row], alone["picture"][0], atol=CLOSE)


def test_the_manifest_says_what_was_written(miniature: Path) -> None:
    manifest = load_pack(miniature, threads=1, batches=(1,)).manifest
    assert (manifest.name, manifest.version, manifest.licence) == ("miniature", "0", "Apache-2.0")
    assert manifest.model == MODEL
    assert (manifest.size, manifest.latent, manifest.tokens) == (32, (4, 4, 4), (17, 16))


@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_refused(copy: Path, name: str) -> None:
    content = bytearray((copy / name).read_bytes())
    content[len(content) // 2] ^= 1
    (copy / name).write_bytes(content)
    with pytest.raises(PackError, match=rf"{name}: expected SHA-256 .*; fetch the pack again"):
        load_pack(copy, threads=1, batches=(1,))


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
    with pytest.raises(PackError, match=rf"{name}: .*no such file"):
        load_pack(copy, threads=1, batches=(1,))


@pytest.mark.parametrize("text", ["", "[]", "{", '{"format": 2}', '{"format": 2, "name": "x"}'])
def test_a_manifest_of_another_form_is_refused(copy: Path, text: str) -> None:
    (copy / MANIFEST).write_text(text)
    with pytest.raises(PackError, match="expected a pack's manifest"):
        load_pack(copy, threads=1)


@pytest.mark.parametrize("other", [1, 3])
def test_another_format_is_refused(copy: Path, other: int) -> None:
    value = json.loads((copy / MANIFEST).read_text())
    (copy / MANIFEST).write_text(json.dumps(value | {"format": other}))
    with pytest.raises(PackError, match=f"expected format 2, found {other}; install the Lipcast .*, or make"):
        load_pack(copy, threads=1)


def test_impossible_sizes_in_a_manifest_are_refused(copy: Path) -> None:
    value = json.loads((copy / MANIFEST).read_text())
    value["model"]["architecture"]["size"] = 33
    (copy / MANIFEST).write_text(json.dumps(value))
    with pytest.raises(PackError, match="33"):
        load_pack(copy, threads=1)


def test_weights_that_are_not_numbers_are_refused(copy: Path) -> None:
    onnx = pytest.importorskip("onnx")
    graph = onnx.load(copy / FRAME_STEP)
    for tensor in graph.graph.initializer:
        if tensor.name.endswith(".half"):
            values = np.full_like(onnx.numpy_helper.to_array(tensor), np.nan)
            tensor.CopyFrom(onnx.numpy_helper.from_array(values, tensor.name))
    onnx.save(graph, copy / FRAME_STEP)
    rewrite_manifest(copy)
    with pytest.raises(PackError, match=r"frame_step\.onnx: expected picture of finite numbers, found NaN"):
        load_pack(copy, threads=1, batches=(1,))


@dataclass(frozen=True)
class Odd:
    """A graph with its inputs in another order; narrow: and whose results are infinite unless the picture is grey."""

    graph: Graph
    narrow: bool

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self.graph.inputs[::-1]

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self.graph.outputs

    def run(self, given: Mapping[str, NDArray[Any]]) -> Tensors:
        more = np.float32(np.inf if self.narrow and given["structure"].any() else 0)
        return {name: value + more for name, value in self.graph.run(given).items()}


def odd(narrow: bool) -> OpenGraph:
    return lambda path, batch, threads: Odd(open_onnx(path, batch, threads), narrow)


def test_a_runtime_that_computes_numbers_of_a_grey_picture_alone_is_refused(miniature: Path) -> None:
    with pytest.raises(PackError, match=r"picture of finite numbers, found NaN .*, or on a GPU set engine\.precision"):
        load_pack(miniature, threads=1, batches=(1,), open_graph=odd(narrow=True))


def test_a_runtime_may_have_its_own_order_of_inputs(miniature: Path) -> None:
    pack = load_pack(miniature, threads=1, batches=(1,), open_graph=odd(narrow=False))
    assert pack.frame_steps[1].inputs[0].name == "noise"


def test_a_graph_of_other_inputs_is_refused(copy: Path) -> None:
    shutil.copy(copy / ENCODE, copy / FRAME_STEP)
    rewrite_manifest(copy)
    with pytest.raises(PackError, match=r"expected the inputs structure \(1, 3, 32, 32\), .*, found crop"):
        load_pack(copy, threads=1, batches=(1,))


def test_a_file_that_is_no_graph_is_refused(copy: Path) -> None:
    (copy / ENCODE).write_bytes(b"no graph")
    rewrite_manifest(copy)
    with pytest.raises(PackError, match=r"encode\.onnx: expected a graph"):
        load_pack(copy, threads=1, batches=(1,))


def test_weights_of_another_model_are_refused_by_the_reference(copy: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    from engines.diffusion.weights import reference

    tensors = load_file(copy / WEIGHTS)
    tensors["decoder.latents.bias"] = np.zeros(3, np.float16)
    save_file(tensors, copy / WEIGHTS)
    with pytest.raises(PackError, match=r"1 tensors missing, .* shape: \['decoder\.latents\.bias'\]"):
        reference(copy, 1)
    (copy / WEIGHTS).write_bytes(b"no tensors")
    with pytest.raises(PackError, match="expected a file of safetensors"):
        reference(copy, 1)


def test_the_engine_is_given_the_graph_in_8_bits_where_it_asks_for_it(copy: Path) -> None:
    (copy / FRAME_STEP).write_bytes(b"not read")
    rewrite_manifest(copy)
    assert load_pack(copy, threads=1, batches=(1,), precision=INT8).frame_steps[1].outputs[0].shape == (1, 3, 32, 32)
    with pytest.raises(PackError, match=r"frame_step\.onnx: expected a graph"):
        load_pack(copy, threads=1, batches=(1,))


def test_the_batches_of_the_engine_are_opened_by_default(miniature: Path) -> None:
    assert tuple(load_pack(miniature, threads=1).frame_steps) == packs.BATCHES
