"""The runtimes for a CPU, by name. Knows no model; imports only the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engines.backends.api import Graph
from engines.backends.onnxruntime import open_onnx

BACKENDS = ("onnxruntime", "openvino")

OpenGraph = Callable[[Path, int, int], Graph]  # file, rows of a batch, threads → a graph; raises GraphError


class UnknownBackend(Exception):
    """The message names the backends that exist."""


def opener(name: str) -> OpenGraph:
    """
    Raises:
        UnknownBackend: there is no backend of that name.
    """
    if name == "onnxruntime":
        return open_onnx
    if name == "openvino":
        from engines.backends.openvino import Openvino

        return Openvino().open
    raise UnknownBackend(f"no backend {name!r}; there are: {', '.join(BACKENDS)}")
