"""Graphs on ONNX Runtime, on the CPU. Knows nothing of what they compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray
from onnxruntime.capi import onnxruntime_pybind11_state as refusals

from engines.backends.api import GraphError, Tensors, TensorSpec, check_feeds

BATCH = "batch"  # the name of the free first axis of every input and output
DTYPES = {"tensor(float)": np.dtype(np.float32)}
REFUSALS = (
    refusals.Fail,
    refusals.InvalidArgument,
    refusals.InvalidGraph,
    refusals.InvalidProtobuf,
    refusals.NoSuchFile,
    refusals.NotImplemented,
    refusals.RuntimeException,
)


@dataclass(frozen=True, slots=True, eq=False)
class OnnxGraph:
    """A session whose sizes are all fixed."""

    session: ort.InferenceSession
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        results = self.session.run(None, dict(feeds))
        return {spec.name: result for spec, result in zip(self.outputs, results, strict=True)}


def open_onnx(path: Path, batch: int, threads: int) -> OnnxGraph:
    """Build the graph of a file for one batch size: its free axis is fixed, so that every size is known.

    Raises:
        GraphError: the file is no ONNX graph that this runtime can compute, or it leaves other sizes open.
    """
    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Threads that spin between two frames would take the core from sound and encoding.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_free_dimension_override_by_name(BATCH, batch)
    options.log_severity_level = 3
    try:
        session = ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except REFUSALS as error:
        raise GraphError(f"{path}: ONNX Runtime {ort.__version__} refuses it: {error}") from error
    return OnnxGraph(session, _specs(path, session.get_inputs(), batch), _specs(path, session.get_outputs(), batch))


def _specs(path: Path, nodes: Sequence[Any], batch: int) -> tuple[TensorSpec, ...]:
    specs = []
    for node in nodes:
        shape = tuple(batch if size == BATCH else size for size in node.shape)
        if not all(isinstance(size, int) for size in shape) or node.type not in DTYPES:
            raise GraphError(f"{path}: {node.name}: expected fixed sizes of float32, found {node.shape} {node.type}")
        specs.append(TensorSpec(node.name, shape, DTYPES[node.type]))
    return tuple(specs)
