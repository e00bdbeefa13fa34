"""The contract of every runtime: a graph takes named tensors and gives named tensors. Knows no runtime and no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

Tensors = dict[str, NDArray[Any]]


class GraphError(ValueError):
    """A graph cannot be opened or was fed what it does not take: the message says what was expected and what came."""


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """One input or output: every size is fixed when the graph is opened."""

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]


Specs = tuple[TensorSpec, ...]


def float_specs(batch: int, shapes: Mapping[str, tuple[int, ...]]) -> Specs:
    """Tensors of float32 by name, each with the batch's axis before its shape."""
    return tuple(TensorSpec(name, (batch, *shape), np.dtype(np.float32)) for name, shape in shapes.items())


class Graph(Protocol):
    """A network with its weights, for one batch size. Holds no state: the same feeds give the same results."""

    @property
    def inputs(self) -> tuple[TensorSpec, ...]: ...
    @property
    def outputs(self) -> tuple[TensorSpec, ...]: ...

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        """All outputs by name, the caller's own.

        Raises:
            GraphError: an input is missing, unknown, or of the wrong shape or type.
        """


@runtime_checkable
class RowGraph(Graph, Protocol):
    """A graph that takes rows one by one: none is copied into a batch before it is copied to where it is computed."""

    def run_rows(self, rows: Sequence[Tensors]) -> list[Tensors]:
        """Every row's outputs, in order; at most as many as the batch has. No array has the batch's axis.

        A read-only array (flags.writeable) counts as constant and may be cached on the device.

        Raises:
            GraphError: there are too many rows, or one lacks an input or has it in a wrong shape or type.
        """


def check_feeds(inputs: Sequence[TensorSpec], feeds: Mapping[str, NDArray[Any]]) -> None:
    """
    Raises:
        GraphError: an input is missing, unknown, or of the wrong shape or type.
    """
    names = {spec.name for spec in inputs}
    if names != feeds.keys():
        raise GraphError(f"expected the inputs {sorted(names)}, got {sorted(feeds)}")
    for spec in inputs:
        value = feeds[spec.name]
        if value.shape != spec.shape or value.dtype != spec.dtype:
            raise GraphError(f"{spec.name}: expected {spec.shape} {spec.dtype}, got {value.shape} {value.dtype}")


def check_rows(inputs: Sequence[TensorSpec], rows: Sequence[Mapping[str, NDArray[Any]]]) -> None:
    """
    Raises:
        GraphError: there are too many rows, or one lacks an input or has it in a wrong shape or type.
    """
    batch = inputs[0].shape[0]
    if len(rows) > batch:
        raise GraphError(f"expected at most {batch} rows, got {len(rows)}")
    single = tuple(TensorSpec(spec.name, spec.shape[1:], spec.dtype) for spec in inputs)
    for row in rows:
        check_feeds(single, row)
