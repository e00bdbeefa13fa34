"""Precision in the graph itself: the right operators lowered, every type agreeing, results near those before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

import onnx
import onnxruntime as ort
from onnx import ModelProto, TensorProto, helper, numpy_helper

from engines.backends.api import GraphError
from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import random_probes
from engines.backends.precision import SMALL, converted, lower, raised, skeleton, typed_model, weight_files
from tests.engines.backends.small_graph import small_model, write_small

LOW = {"float16": TensorProto.FLOAT16, "bfloat16": TensorProto.BFLOAT16}


def kinds_in(model: ModelProto) -> dict[str, set[int]]:
    """The element types of the first inputs of every kind of operator."""
    graph = onnx.shape_inference.infer_shapes(model).graph
    kinds = {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.value_info, *graph.output)}
    found: dict[str, set[int]] = {}
    for node in graph.node:
        found.setdefault(node.op_type, set()).add(kinds[node.input[0]])
    return found


@pytest.mark.parametrize("precision", LOW)
def test_products_are_lowered_and_norms_softmax_and_means_are_not(tmp_path: Path, precision: str) -> None:
    found = kinds_in(typed_model(write_small(tmp_path), 2, precision))
    assert (found["Conv"], found["Gemm"]) == ({LOW[precision]}, {LOW[precision]})
    for operator in ("InstanceNormalization", "Softmax", "ReduceMean"):
        assert found[operator] == {TensorProto.FLOAT}, operator


def test_what_lies_between_follows_what_flows_in(tmp_path: Path) -> None:
    model = typed_model(write_small(tmp_path), 2, "float16")
    found = kinds_in(model)
    assert found["Sigmoid"] == {TensorProto.FLOAT}  # behind the norm
    assert found["Resize"] == {TensorProto.FLOAT16}  # behind a convolution
    assert "Constant" not in found


@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_results_stay_near(tmp_path: Path, precision: str) -> None:
    path = write_small(tmp_path)
    reference = open_onnx(path, 2, threads=1)
    session = ort.InferenceSession(typed_model(path, 2, precision).SerializeToString())
    for feeds in random_probes(reference.inputs):
        for wanted, found in zip(reference.run(feeds).values(), session.run(None, feeds), strict=True):
            np.testing.assert_allclose(found, wanted, atol={"float32": 1e-6, "float16": 2e-2}[precision])


def test_inputs_and_outputs_keep_names_and_types_and_get_a_batch(tmp_path: Path) -> None:
    model = typed_model(write_small(tmp_path), 3, "float16")
    for value in (*model.graph.input, *model.graph.output):
        assert value.type.tensor_type.elem_type == TensorProto.FLOAT
        assert value.type.tensor_type.shape.dim[0].dim_value == 3
    assert [value.name for value in model.graph.output] == ["drawn", "level"]


def test_weights_stored_with_half_the_bits_are_not_cast_at_run_time(tmp_path: Path) -> None:
    model = small_model()
    first = model.graph.initializer[0]
    stored = numpy_helper.from_array(numpy_helper.to_array(first).astype(np.float16), "first.half")
    first.CopyFrom(stored)
    model.graph.node.insert(0, helper.make_node("Cast", ["first.half"], ["first"], to=TensorProto.FLOAT))
    onnx.save(model, tmp_path / "stored.onnx")
    lowered = typed_model(tmp_path / "stored.onnx", 1, "float16")
    weights = {weight.name for weight in lowered.graph.initializer}
    assert not [node for node in lowered.graph.node if node.op_type == "Cast" and node.input[0] in weights]


def test_bfloat16_is_rounded_to_nearest_even() -> None:
    bits = np.array([0x3F808000, 0x3F818000, 0x3F808001, 0x3F807FFF], np.uint32)
    weight = numpy_helper.from_array(bits.view(np.float32), "w")
    raw = np.frombuffer(converted(weight, "low", TensorProto.BFLOAT16).raw_data, np.uint16)
    assert [hex(value) for value in raw] == ["0x3f80", "0x3f82", "0x3f81", "0x3f80"]


def test_large_weights_are_left_out_for_the_tools_and_are_back_after_them() -> None:
    model = small_model()
    bare, later = skeleton(model), raised(model, 22)
    sizes = {weight.name: weight.ByteSize() for weight in model.graph.initializer}
    large = {name for name, size in sizes.items() if size > SMALL}
    assert large
    assert {weight.name for weight in bare.graph.initializer} == sizes.keys() - large
    assert [value.name for value in later.graph.input] == ["picture", "light"]
    assert {weight.name for weight in later.graph.initializer} >= large
    feeds = {"picture": np.ones((2, 3, 6, 6), np.float32), "light": np.ones((2, 1), np.float32)}
    before, after = (ort.InferenceSession(each.SerializeToString()).run(None, feeds) for each in (model, later))
    np.testing.assert_allclose(after[0], before[0], atol=1e-6)


def test_weights_beyond_float16_are_refused() -> None:
    weight = numpy_helper.from_array(np.array([1, -70000], np.float32), "w")
    with pytest.raises(GraphError, match="w: expected weights up to 65504, found 70000"):
        converted(weight, "low", TensorProto.FLOAT16)


def test_another_open_size_is_refused(tmp_path: Path) -> None:
    model = small_model()
    model.graph.input[0].type.tensor_type.shape.dim[2].dim_param = "height"
    onnx.save(model, tmp_path / "open.onnx")
    with pytest.raises(GraphError, match=r"picture: expected float32 and no size open .* \[2, 3, 'height', 6\]"):
        typed_model(tmp_path / "open.onnx", 2, "float16")


def test_branches_are_refused() -> None:
    model = small_model()
    branch = helper.make_graph([helper.make_node("Identity", ["picture"], ["same"])], "b", [], [])
    model.graph.node.append(helper.make_node("If", ["x"], ["y"], then_branch=branch, else_branch=branch))
    with pytest.raises(GraphError, match="without functions, branches and loops"):
        lower(model, "float16")


@pytest.mark.parametrize("content", [b"", b"no graph at all", b"\x08\x08\x12"])
def test_what_is_no_graph_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.onnx"
    path.write_bytes(content)
    with pytest.raises(GraphError, match=r"bad\.onnx: expected an ONNX graph, found none"):
        typed_model(path, 1, "float16")


def test_weights_in_files_of_their_own_are_found_and_used(tmp_path: Path) -> None:
    path = tmp_path / "outside.onnx"
    onnx.save(small_model(), path, save_as_external_data=True, location="outside.weights", size_threshold=0)
    assert weight_files(path) == (tmp_path / "outside.weights",)
    inside, outside = (typed_model(each, 1, "float16").graph for each in (write_small(tmp_path), path))
    assert inside.node == outside.node
    for one, other in zip(inside.initializer, outside.initializer, strict=True):
        np.testing.assert_array_equal(numpy_helper.to_array(one), numpy_helper.to_array(other))
