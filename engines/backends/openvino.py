"""Graphs on OpenVINO, on the CPU: in bfloat16 where the processor computes so, else in single precision.

OpenVINO is made for Intel; on other makers' processors some releases end the whole process by a signal. So a graph is
first tried in a child process, and then held against ONNX Runtime's results before it is used.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends.api import Graph, GraphError, Tensors, TensorSpec, check_feeds
from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import Parity, expect_parity, random_probes

PROBE_S = 60  # a child that takes longer counts as broken
PROBES = 2  # random feeds by which results are compared
# bfloat16 keeps 8 bits of each number: some thousandths of a picture's range, and more where a difference is small.
ALIKE = {"bf16": Parity(worst=0.15, mean=0.02), "f32": Parity(worst=2e-3, mean=1e-3)}
FIX = 'install another release of openvino, or choose the backend "onnxruntime"'


@dataclass(frozen=True, slots=True, eq=False)
class OpenvinoGraph:
    """A compiled model whose sizes are all fixed. precision: what it computes in, "bf16" or "f32".

    Thread-safe: a request is busy until it has answered, so each thread has its own.
    """

    compiled: Any
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    precision: str
    requests: threading.local = field(default_factory=threading.local)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        request = getattr(self.requests, "own", None)
        if request is None:
            request = self.requests.own = self.compiled.create_infer_request()
        results = request.infer(dict(feeds))
        # What OpenVINO gives lies in memory that the next call writes.
        return {spec.name: np.array(results[spec.name]) for spec in self.outputs}


class Openvino:
    """Opens graphs. A file is tried in a child process once, whatever sizes it is then built for."""

    __slots__ = ("_tried",)

    def __init__(self) -> None:
        self._tried: set[Path] = set()

    def open(self, path: Path, batch: int, threads: int) -> OpenvinoGraph:
        """Build the graph of a file for one batch size, and compare it with ONNX Runtime.

        Raises:
            GraphError: OpenVINO is not installed, refuses the file, breaks on this processor, or computes something
                else.
        """
        if path not in self._tried:
            probe(path, batch, threads)
            self._tried.add(path)
        reference = open_onnx(path, batch, threads)
        graph = compile_openvino(path, reference, threads)
        expect_parity(reference, graph, random_probes(reference.inputs, PROBES), ALIKE[graph.precision])
        return graph


def probe(path: Path, batch: int, threads: int) -> None:
    """Build and run the graph once where nothing is lost if the process ends.

    Raises:
        GraphError: it did not come to a good end.
    """
    words = [sys.executable, "-m", "engines.backends.openvino_child", str(path), str(batch), str(threads)]
    root = Path(__file__).parents[2]  # of the package `engines`
    try:
        child = subprocess.run(words, cwd=root, capture_output=True, text=True, timeout=PROBE_S, check=False)
    except subprocess.TimeoutExpired:
        raise GraphError(f"{path}: expected OpenVINO to run it within {PROBE_S} s, it did not: {FIX}") from None
    if child.returncode < 0:
        raise GraphError(f"{path}: OpenVINO breaks on this processor by signal {-child.returncode}: {FIX}")
    if child.returncode > 0:
        errors = child.stderr.strip().splitlines() or ["no message"]
        raise GraphError(f"{path}: OpenVINO does not run it: {errors[-1]}: {FIX}")


def compile_openvino(path: Path, like: Graph, threads: int) -> OpenvinoGraph:
    """Build the graph in this process, in bfloat16 where the processor knows it.

    like: the same file's graph on another runtime, whose inputs and outputs it takes.

    Raises:
        GraphError: OpenVINO is not installed, or refuses the file.
    """
    try:
        import openvino
    except ImportError as error:
        raise GraphError(f"OpenVINO is not there ({error}): pip install openvino") from error
    core = openvino.Core()
    precision = "bf16" if "BF16" in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES") else "f32"
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "INFERENCE_PRECISION_HINT": precision,
        "PERFORMANCE_HINT": "LATENCY",
    }
    try:
        model = core.read_model(path)
        model.reshape({spec.name: list(spec.shape) for spec in like.inputs})
        compiled = core.compile_model(model, "CPU", settings)
    except RuntimeError as error:
        raise GraphError(f"{path}: OpenVINO {openvino.__version__} refuses it: {error}") from error
    return OpenvinoGraph(compiled, like.inputs, like.outputs, precision)
