"""Which runtime computes a pack in what: what is asked for, or a refusal that says what there is."""

from __future__ import annotations

import pytest

from engines.backends.registry import AUTO, BACKENDS, PRECISIONS, PYTORCH_CUDA, TENSORRT, UnknownBackend, precision_of


@pytest.mark.parametrize(
    ("backend", "has_int8", "expected"),
    [
        ("onnxruntime", True, "int8"),
        ("onnxruntime", False, "float32"),
        ("openvino", True, AUTO),
        (PYTORCH_CUDA, True, "float16"),
        (TENSORRT, False, "float16"),
    ],
)
def test_the_usual_one_depends_on_runtime_and_pack(backend: str, has_int8: bool, expected: str) -> None:
    assert precision_of(backend, AUTO, has_int8) == expected


def test_the_backends_are_those_that_are_documented() -> None:
    assert BACKENDS == ("onnxruntime", "openvino", "pytorch-cuda", "tensorrt")


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_asked_for_is_taken_where_the_backend_knows_it(backend: str) -> None:
    for precision in PRECISIONS[backend]:
        assert precision_of(backend, precision, has_int8=True) == precision


@pytest.mark.parametrize(
    ("backend", "wanted", "has_int8", "choice"),
    [
        ("onnxruntime", "float16", True, '"auto" or "int8" or "float32"'),
        ("onnxruntime", "int8", False, '"auto" or "float32"'),
        ("openvino", "int8", True, '"auto"'),
        (TENSORRT, "int8", True, '"auto" or "float16" or "bfloat16" or "float32"'),
    ],
)
def test_what_it_cannot_is_refused_with_what_it_can(backend: str, wanted: str, has_int8: bool, choice: str) -> None:
    told = f'{backend}: expected engine.precision {choice} for this pack, found "{wanted}"'
    with pytest.raises(UnknownBackend, match=f"^{told}$"):
        precision_of(backend, wanted, has_int8)


def test_an_unknown_backend_is_told_which_there_are() -> None:
    with pytest.raises(UnknownBackend, match=", ".join(BACKENDS)):
        precision_of("abacus", AUTO, has_int8=True)
