"""The runtimes by name. Knows no model; imports only the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engines.backends.api import Graph
from engines.backends.onnxruntime import open_onnx

PYTORCH_CUDA = "pytorch-cuda"  # computes modules, not files: a pack opens them for it
BACKENDS = ("onnxruntime", "openvino", PYTORCH_CUDA, "tensorrt")
PLANS = "plans"  # the folder of TensorRT's plans, beside a graph's file
COMPILE = "compile it on this machine with `lipcast pack compile`"

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
    if name == "tensorrt":
        return open_plan
    raise UnknownBackend(f"no backend {name!r}; there are: {', '.join(BACKENDS)}")


def open_plan(path: Path, batch: int, threads: int) -> Graph:
    """A graph on TensorRT, of the plan that was compiled for it; threads are ONNX Runtime's affair.

    Raises:
        GraphError: there is no such plan, or no TensorRT or GPU.
    """
    from engines.backends.plan_cache import PlanCache, PlanOptions
    from engines.backends.tensorrt import open_tensorrt

    return open_tensorrt(path, batch, PlanOptions(), PlanCache(path.parent / PLANS, COMPILE))
