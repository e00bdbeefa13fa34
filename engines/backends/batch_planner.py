"""Runs any number of rows on graphs of a few fixed batch sizes, at the least cost.

Knows no runtime and no model.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from engines.backends.api import Graph, GraphError, RowGraph, Tensors

RUNS = 5  # of each graph when its cost is measured: take the minimum, the rest is noise


@dataclass(frozen=True, slots=True, eq=False)
class BatchPlanner:
    """One network opened for several batch sizes, 1 among them. Rows of a batch do not mix.

    costs: of a run of each size, in any one unit. On a CPU the cost of a run is proportional to its rows, so padding
    is waste; on a GPU a few rows cost hardly less than many, so padding a larger batch can be cheaper than two runs.

    Raises:
        GraphError: no graph takes one row alone, or sizes and costs are not of the same graphs.
    """

    graphs: Mapping[int, Graph]
    costs: Mapping[int, float]

    def __post_init__(self) -> None:
        if 1 not in self.graphs or self.graphs.keys() != self.costs.keys():
            raise GraphError(f"expected a batch of 1 and a cost of each, got {sorted(self.graphs)}, {dict(self.costs)}")

    def sizes(self, rows: int) -> tuple[int, ...]:
        """The batches that take so many rows at the least cost, the fewest runs among equals, largest first."""
        best: list[tuple[float, int, tuple[int, ...]]] = [(0.0, 0, ())]
        for row in range(1, rows + 1):
            found = []
            for size, cost in self.costs.items():
                before, runs, sizes = best[max(0, row - size)]
                found.append((before + cost, runs + 1, (*sizes, size)))
            best.append(min(found))
        return tuple(sorted(best[rows][2], reverse=True))

    def run(self, rows: Sequence[Tensors]) -> list[Tensors]:
        """The outputs of every row, in order; inputs and outputs are without the batch's axis.

        Raises:
            GraphError: a row is not as the graphs take it.
        """
        results: list[Tensors] = []
        for size in self.sizes(len(rows)):
            results.extend(_run(self.graphs[size], rows[len(results) : len(results) + size], size))
        return results


def _run(graph: Graph, rows: Sequence[Tensors], size: int) -> list[Tensors]:
    if isinstance(graph, RowGraph):
        return graph.run_rows(rows)
    filled = [*rows, *[rows[-1]] * (size - len(rows))]
    given = graph.run({name: np.stack([row[name] for row in filled]) for name in rows[0]})
    return [{name: value[row] for name, value in given.items()} for row in range(len(rows))]


def linear_cost(graphs: Mapping[int, Graph]) -> BatchPlanner:
    """A row costs the same in every batch, so no batch is ever padded. For CPUs."""
    return BatchPlanner(graphs, {size: float(size) for size in graphs})


def measured_cost(graphs: Mapping[int, Graph], now: Callable[[], float]) -> BatchPlanner:
    """The cost of every graph is its time on this machine, by the clock `now` in seconds. For GPUs."""
    return BatchPlanner(graphs, {size: _seconds(graph, now) for size, graph in graphs.items()})


def _seconds(graph: Graph, now: Callable[[], float]) -> float:
    feeds = {spec.name: np.zeros(spec.shape, spec.dtype) for spec in graph.inputs}
    graph.run(feeds)  # the first run is slower than those that follow
    found = []
    for _ in range(RUNS):
        started = now()
        graph.run(feeds)
        found.append(now() - started)
    return min(found)
