"""Registry of the runtimes by name, with their precisions. Imports a runtime only when it is opened; knows no model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from engines.backends.api import Graph
from engines.backends.onnxruntime import open_onnx

PYTORCH_CUDA = "pytorch-cuda"  # computes modules, not files: a pack opens them for it
TENSORRT = "tensorrt"
ON_GPU = (PYTORCH_CUDA, TENSORRT)
AUTO, INT8 = "auto", "int8"
FLOATS = ("float16", "bfloat16", "float32")
# What a runtime can be told to compute in, the usual one first. OpenVINO chooses by itself.
PRECISIONS = {"onnxruntime": (INT8, "float32"), "openvino": (), PYTORCH_CUDA: FLOATS, TENSORRT: FLOATS}
BACKENDS = tuple(PRECISIONS)
PLANS = "plans"  # the folder of TensorRT's plans, beside a graph's file
COMPILE = "compile it on this machine with `lipcast pack compile`"

OpenGraph = Callable[[Path, int, int], Graph]  # file, rows of a batch, threads → a graph; raises GraphError


class UnknownBackend(LookupError):
    """The message names the backends that exist, or what one of them can do."""


def opener(name: str, precision: str = "float16") -> OpenGraph:
    """precision: that a plan for a GPU was compiled in; on a CPU the graph's file says it, or OpenVINO chooses.

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
    raise UnknownBackend(_unknown(name))


def precision_of(backend: str, wanted: str, has_int8: bool) -> str:
    """What a runtime is to compute in. wanted: AUTO for the usual; has_int8: the pack has a graph in 8 bits.

    Raises:
        UnknownBackend: there is none of that name, or it does not compute a graph of this pack so.
    """
    if backend not in PRECISIONS:
        raise UnknownBackend(_unknown(backend))
    known = tuple(each for each in PRECISIONS[backend] if has_int8 or each != INT8)
    if wanted == AUTO:
        return known[0] if known else AUTO
    if wanted not in known:
        choice = " or ".join(f'"{each}"' for each in (AUTO, *known))
        raise UnknownBackend(f'{backend}: expected engine.precision {choice} for this pack, found "{wanted}"')
    return wanted


def _unknown(backend: str) -> str:
    return f"no backend {backend!r}; there are: {', '.join(BACKENDS)}"


def _plans(precision: str) -> OpenGraph:
    """Opens the plans that lie beside graphs; each graph's file and weights are hashed once, for they are gigabytes."""
    try:
        from engines.backends.plan_cache import PlanCache, PlanOptions, Source, source_of
        from engines.backends.precision import weight_files
        from engines.backends.tensorrt import open_tensorrt
    except ImportError as error:
        raise UnknownBackend(f"{TENSORRT} needs its extra: pip install -e '.[tensorrt]' ({error})") from error
    sources: dict[Path, Source] = {}
    options = PlanOptions(precision=precision)

    def open_plan(path: Path, batch: int, threads: int) -> Graph:
        if path not in sources:
            sources[path] = source_of(path, weight_files(path))
        return open_tensorrt(sources[path], batch, options, PlanCache(path.parent / PLANS, COMPILE))

    return open_plan
