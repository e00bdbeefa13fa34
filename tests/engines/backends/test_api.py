"""What every runtime refuses."""

from __future__ import annotations

import numpy as np
import pytest

from engines.backends.api import GraphError, TensorSpec, check_feeds

SPECS = (TensorSpec("a", (1, 2), np.dtype(np.float32)), TensorSpec("b", (3,), np.dtype(np.float32)))
GOOD = {"a": np.zeros((1, 2), np.float32), "b": np.zeros(3, np.float32)}


def test_what_is_expected_is_taken() -> None:
    check_feeds(SPECS, GOOD)


def test_a_missing_input_is_named() -> None:
    with pytest.raises(GraphError, match=r"expected the inputs \['a', 'b'\], got \['a'\]"):
        check_feeds(SPECS, {"a": GOOD["a"]})


def test_an_unknown_input_is_named() -> None:
    with pytest.raises(GraphError, match="'c'"):
        check_feeds(SPECS, GOOD | {"c": GOOD["a"]})


def test_a_wrong_shape_is_told() -> None:
    with pytest.raises(GraphError, match=r"a: expected \(1, 2\) float32, got \(2, 2\) float32"):
        check_feeds(SPECS, GOOD | {"a": np.zeros((2, 2), np.float32)})


def test_a_wrong_type_is_told() -> None:
    with pytest.raises(GraphError, match=r"b: expected \(3,\) float32, got \(3,\) float64"):
        check_feeds(SPECS, GOOD | {"b": np.zeros(3)})
