"""The runtimes by name. Knows no model; imports only the one that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engines.backends.api import Graph
from engines.backends.onnxruntime import open_onnx

PYTORCH_CUDA = "pytorch-cuda"  # computes modules, not files: a pack opens them for it
TENSORRT = "tensorrt"
BACKENDS = ("onnxruntime", "openvino", PYTORCH_CUDA, TENSORRT)
ON_GPU = (PYTORCH_CUDA, TENSORRT)
PLANS = "plans"  # the folder of TensorRT's plans, beside a graph's file
COMPILE = "compile it on this machine with `lipcast pack compile`"

OpenGraph = Callable[[Path, int, int], Graph]  # file, rows of a batch, threads → a graph; raises GraphError


class UnknownBackend(Exception):
    """The message names the backends that exist."""


def opener(name: str, precision: str = "float16") -> OpenGraph:
    """precision: that a plan for a GPU was compiled in; what runs on a CPU chooses its own.

    Raises:
        UnknownBackend: there is no backend of that name.
    """
    if name == "onnxruntime":
        return open_onnx
    if name == "openvino":
        from engines.backends.openvino import Openvino

        return Openvino().open
    if name == TENSORRT:
        return _plans(precision)
    raise UnknownBackend(f"no backend {name!r}; there are: {', '.join(BACKENDS)}")


def _plans(precision: str) -> OpenGraph:
    """Opens the plans that lie beside graphs; each graph's file and weights are hashed once, for they are gigabytes."""
    try:
        from engines.backends.plan_cache import PlanCache, PlanOptions, Source, source_of
        from engines.backends.tensorrt import open_tensorrt
        from engines.backends.typed_graph import weight_files
    except ImportError as error:
        raise UnknownBackend(f"{TENSORRT} needs its extra: pip install -e '.[tensorrt]' ({error})") from error
    sources: dict[Path, Source] = {}
    options = PlanOptions(precision=precision)

    def open_plan(path: Path, batch: int, threads: int) -> Graph:
        if path not in sources:
            sources[path] = source_of(path, weight_files(path))
        return open_tensorrt(sources[path], batch, options, PlanCache(path.parent / PLANS, COMPILE))

    return open_plan
