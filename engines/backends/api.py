"""The contract of every runtime: a graph takes named tensors and gives named tensors. Knows no runtime and no model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

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
