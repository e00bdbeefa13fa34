"""Rows on graphs of fixed sizes: the cheapest of them run, and every row gets its own answer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.backends.api import GraphError, Tensors, TensorSpec, check_feeds
from engines.backends.batch_planner import BatchPlanner, linear_cost, measured_cost

SIZES = (1, 2, 4, 8, 16)


@dataclass
class Doubler:
    """Doubles rows of two numbers. runs: batch sizes asked for, all graphs together."""

    batch: int
    runs: list[int] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("x", (self.batch, 2), np.dtype(np.float32)),)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("y", (self.batch, 2), np.dtype(np.float32)),)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        self.runs.append(self.batch)
        return {"y": 2 * feeds["x"]}


def graphs(runs: list[int]) -> dict[int, Doubler]:
    return {size: Doubler(size, runs) for size in SIZES}


def affine(fixed: float, each: float) -> BatchPlanner:
    return BatchPlanner(graphs([]), {size: fixed + each * size for size in SIZES})


@pytest.mark.parametrize(
    ("rows", "sizes"), [(0, ()), (1, (1,)), (3, (2, 1)), (7, (4, 2, 1)), (16, (16,)), (37, (16, 16, 4, 1))]
)
def test_where_rows_cost_the_same_none_is_filled_up(rows: int, sizes: tuple[int, ...]) -> None:
    assert linear_cost(graphs([])).sizes(rows) == sizes


@pytest.mark.parametrize(
    ("rows", "sizes"), [(3, (4,)), (5, (4, 1)), (7, (8,)), (11, (8, 4)), (13, (16,)), (17, (16, 1))]
)
def test_where_a_run_itself_is_dear_a_larger_batch_is_filled_up(rows: int, sizes: tuple[int, ...]) -> None:
    assert affine(1.4, 0.65).sizes(rows) == sizes  # 7 rows: 6.6 against 4 + 2.7 + 2.05


def test_where_rows_are_dear_the_same_rule_runs_several() -> None:
    assert [affine(2.0, 2.3).sizes(rows) for rows in (3, 5, 7)] == [(2, 1), (4, 1), (8,)]


def test_every_row_gets_its_own_answer_and_what_was_filled_up_is_dropped() -> None:
    runs: list[int] = []
    batches = BatchPlanner(graphs(runs), dict.fromkeys(SIZES, 1.0))
    rows = [{"x": np.array([row, -row], np.float32)} for row in range(11)]
    np.testing.assert_array_equal([result["y"] for result in batches.run(rows)], [2 * row["x"] for row in rows])
    assert runs == [16]


def test_a_graph_that_takes_rows_gets_them_as_they_are() -> None:
    @dataclass
    class ByRows(Doubler):
        def run_rows(self, rows: Sequence[Tensors]) -> list[Tensors]:
            assert len(rows) <= self.batch
            self.runs.append(len(rows))
            return [{"y": 2 * row["x"]} for row in rows]

    runs: list[int] = []
    batches = BatchPlanner({size: ByRows(size, runs) for size in SIZES}, dict.fromkeys(SIZES, 1.0))
    rows = [{"x": np.array([row, -row], np.float32)} for row in range(11)]
    np.testing.assert_array_equal([result["y"] for result in batches.run(rows)], [2 * row["x"] for row in rows])
    assert runs == [11]


def test_no_rows_run_nothing() -> None:
    assert linear_cost(graphs([])).run([]) == []


def test_costs_are_measured_by_the_clock_that_is_given() -> None:
    runs: list[int] = []

    def now() -> float:
        """A run takes the square of its rows, and the third of all runs an hour."""
        return sum(3600.0 if place == 2 else size**2 for place, size in enumerate(runs))

    assert measured_cost(graphs(runs), now).costs == {size: size**2 for size in SIZES}


def test_a_single_row_must_be_possible() -> None:
    with pytest.raises(GraphError, match=r"expected a batch of 1 and a cost of each, got \[2\]"):
        linear_cost({2: Doubler(2)})
