"""The gate between two runtimes: it measures what it says, and lets nothing through that it should not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.backends.api import Tensors, TensorSpec
from engines.backends.parity import Parity, ParityError, compare, expect_parity, random_probes

FLOAT = np.dtype(np.float32)


@dataclass
class Line:
    """Gives gain * x + shift."""

    gain: float = 1.0
    shift: float = 0.0
    width: int = 4

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("x", (self.width,), FLOAT),)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("y", (self.width,), FLOAT),)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        return {"y": (self.gain * feeds["x"] + self.shift).astype(np.float32)}


PROBES = [{"x": np.array([0, 1, -2, 4], np.float32)}]


def test_the_same_is_at_no_distance() -> None:
    assert compare(Line(), Line(), PROBES) == Parity(0, 0)


def test_distances_are_relative_to_the_reference() -> None:
    parity = compare(Line(gain=10), Line(gain=10, shift=0.4), PROBES)
    assert parity.worst == pytest.approx(0.4 / 40, rel=1e-4)
    assert parity.mean == pytest.approx(0.4 / (10 * np.sqrt(21 / 4)), rel=1e-4)


def test_the_worst_probe_counts() -> None:
    quiet = [{"x": np.full(4, 100, np.float32)}]
    assert compare(Line(), Line(shift=1), PROBES + quiet) == compare(Line(), Line(shift=1), PROBES)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_results_that_are_not_finite_are_refused(value: float) -> None:
    with pytest.raises(ParityError, match="y: expected finite results"):
        compare(Line(), Line(shift=value), PROBES)


def test_a_difference_from_nothing_is_never_small() -> None:
    assert not compare(Line(gain=0), Line(gain=0, shift=1e-6), PROBES).within(Parity(1, 1))


def test_other_sizes_are_refused() -> None:
    with pytest.raises(ParityError, match="expected the inputs"):
        compare(Line(), Line(width=5), PROBES)


def test_no_probes_prove_nothing() -> None:
    with pytest.raises(ValueError, match="at least one probe"):
        compare(Line(), Line(), [])


def test_the_gate_says_both_numbers() -> None:
    limit = Parity(0.2, 0.2)
    assert expect_parity(Line(), Line(gain=1.1), PROBES, limit).worst == pytest.approx(0.1)
    with pytest.raises(ParityError, match=r"within Parity\(worst=0.2.*found Parity\(worst=0.5"):
        expect_parity(Line(), Line(gain=1.5), PROBES, limit)


def test_probes_are_the_same_for_a_seed_and_differ_among_themselves() -> None:
    (one, other), (same, _) = (list(random_probes(Line().inputs, count=2, seed=4)) for _ in range(2))
    np.testing.assert_array_equal(one["x"], same["x"])
    assert (one["x"] != other["x"]).all()
    assert one["x"].dtype == FLOAT
