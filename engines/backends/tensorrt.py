"""Graphs on TensorRT: plans that were compiled before, on one GPU. Never compiles; knows nothing of what they compute.

Not yet run on TensorRT hardware by us: docs/backends.md says what was checked instead.
"""

from __future__ import annotations

import logging
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends.api import GraphError, Tensors, TensorSpec, check_feeds, check_rows
from engines.backends.cuda import Cuda, CudaStream, DeviceArray, PinnedPool, bytes_of, open_cuda, open_stream
from engines.backends.device_constants import DeviceConstants
from engines.backends.plan_cache import PlanCache, PlanOptions, Source, plan_key
from engines.backends.tensorrt_api import CudaEngine, ExecutionContext, Runtime, TensorRt, load_tensorrt, logger_of

LOGGER = logging.getLogger(__name__)
WARM_UP = 3  # runs before the capture: TensorRT loads kernels at first use, which cannot be captured
DTYPES = {"FLOAT": np.dtype(np.float32)}  # precision.py leaves inputs and outputs in float32


@dataclass(frozen=True, slots=True)
class Execution:
    """How a plan is started: "CUDA graph", or "enqueue" and why it is not captured."""

    how: str
    why: str = ""


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or output in the device's memory."""

    spec: TensorSpec
    device: int  # address


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class TensorRtGraph:
    """A plan in the device's memory. Results are the caller's own: memory is written again only when nothing holds it.

    One run at a time, since there is one buffer for each input; threads wait for one another.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    execution: Execution
    stream: CudaStream = field(repr=False)
    start: Callable[[], None] = field(repr=False)  # asks the stream for the network
    # Of each input: the device tensor, and the page-locked host memory that it is uploaded from.
    buffers: tuple[tuple[Tensor, NDArray[Any]], ...] = field(repr=False)
    constants: DeviceConstants[DeviceArray] = field(repr=False)
    results: tuple[tuple[Tensor, PinnedPool], ...] = field(repr=False)
    plan: tuple[Runtime, CudaEngine, ExecutionContext] = field(repr=False)  # their memory is what the graph runs on
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        with self.lock:
            self.stream.cuda.select()
            for tensor, staging in self.buffers:
                np.copyto(staging, feeds[tensor.spec.name])
                self.stream.upload(tensor.device, staging)
            return self._results()

    def run_rows(self, rows: Sequence[Tensors]) -> list[Tensors]:
        check_rows(self.inputs, rows)
        with self.lock:
            self.stream.cuda.select()
            for tensor, staging in self.buffers:
                self._put(tensor, staging, [row[tensor.spec.name] for row in rows])
            results = self._results()
        return [{name: value[row] for name, value in results.items()} for row in range(len(rows))]

    def _put(self, tensor: Tensor, staging: NDArray[Any], values: Sequence[NDArray[Any]]) -> None:
        """Rows beyond the values keep their old contents."""
        copies = [self.constants.of(value) for value in values]
        for row, (value, copy) in enumerate(zip(values, copies, strict=True)):
            if copy is None:
                np.copyto(staging[row], value)
        if not all(copy is not None for copy in copies):
            self.stream.upload(tensor.device, staging)
        for row, copy in enumerate(copies):
            if copy is not None:
                self.stream.move(tensor.device + row * copy.size, copy.address, copy.size)

    def _results(self) -> Tensors:
        self.start()
        taken = {}
        for tensor, pool in self.results:
            taken[tensor.spec.name] = pool.take()
            self.stream.download(taken[tensor.spec.name], tensor.device)
        self.stream.wait()
        return taken

    def close(self) -> None:
        """Give back buffers and the captured graph; the plan's own memory goes with the last reference to this."""
        self.constants.clear()
        self.stream.close()


def open_tensorrt(source: Source, batch: int, options: PlanOptions, cache: PlanCache, device: int = 0) -> TensorRtGraph:
    """The graph of an ONNX file on a GPU, from the plan that was compiled for just that; the file is not read.

    Raises:
        PlanError: there is no plan for this graph, batch size, version and GPU, or it is damaged.
        GraphError: TensorRT or the GPU is missing, or too little memory is free.
    """
    tensorrt, cuda = load_tensorrt(), open_cuda(device)
    key = plan_key(source, batch, options, tensorrt.__version__, cuda.device())
    return load_plan(tensorrt, cuda, cache.load(key))


def load_plan(tensorrt: TensorRt, cuda: Cuda, plan: bytes, capture: bool = True) -> TensorRtGraph:
    """Put a plan into the device's memory and capture its run as a CUDA graph.

    Where the capture is refused, the plan is enqueued frame by frame: slower to start, the same results. That is logged
    here, once, and `execution` says it.

    Raises:
        GraphError: it is no plan of this TensorRT and GPU, its sizes are open, or memory is too small.
    """
    cuda.select()
    cuda.expect_free(len(plan), "the weights of a plan")
    runtime = tensorrt.Runtime(logger_of(tensorrt))
    engine = runtime.deserialize_cuda_engine(plan)
    if engine is None:
        raise GraphError(
            f"expected a plan of TensorRT {tensorrt.__version__} for {cuda.device()}, found one that it refuses; its "
            "reasons are in the log above; compile it again on this machine"
        )
    cuda.expect_free(engine.device_memory_size_v2, "intermediate values of a plan")
    stream = open_stream(cuda)
    try:
        return _graph(runtime, engine, stream, capture)
    except BaseException:
        stream.close()
        raise


def _graph(runtime: Runtime, engine: CudaEngine, stream: CudaStream, capture: bool) -> TensorRtGraph:
    context = engine.create_execution_context()
    if context is None:
        raise GraphError(
            "expected memory for the intermediate values of a plan, found too little; its log says how much"
        )
    inputs, outputs = _tensors(engine, stream, "INPUT"), _tensors(engine, stream, "OUTPUT")
    for tensor in (*inputs, *outputs):
        if not context.set_tensor_address(tensor.spec.name, tensor.device):
            raise GraphError(f"{tensor.spec.name}: TensorRT refuses its device address")
    buffers = tuple((tensor, stream.pinned(tensor.spec)) for tensor in inputs)
    for tensor, staging in buffers:
        stream.upload(tensor.device, staging)  # zeros: the memory may hold NaN
    pools = tuple(PinnedPool(stream.cuda, tensor.spec) for tensor in outputs)
    for pool in pools:
        stream.resources.callback(pool.close)
    stream.resources.callback(stream.wait)  # the last that is entered is the first that happens

    def enqueue() -> None:
        if not context.execute_async_v3(int(stream.handle)):
            raise GraphError("TensorRT refuses to enqueue a plan; its reasons are in the log above")

    start, execution = _started(stream, enqueue, capture)
    graph = TensorRtGraph(
        tuple(tensor.spec for tensor in inputs),
        tuple(tensor.spec for tensor in outputs),
        execution,
        stream,
        start,
        buffers,
        DeviceConstants(stream.device_copy),
        tuple(zip(outputs, pools, strict=True)),
        (runtime, engine, context),
    )
    weakref.finalize(graph, stream.close).atexit = False  # at exit the driver frees all, perhaps before we could
    return graph


def _tensors(engine: CudaEngine, stream: CudaStream, mode: str) -> tuple[Tensor, ...]:
    """The inputs or the outputs, each with its device memory."""
    tensors = []
    for index in range(engine.num_io_tensors):
        name = engine.get_tensor_name(index)
        if engine.get_tensor_mode(name).name != mode:
            continue
        shape, kind = tuple(engine.get_tensor_shape(name)), engine.get_tensor_dtype(name).name
        if kind not in DTYPES or any(size < 0 for size in shape):
            raise GraphError(f"{name}: expected fixed sizes of float32, found {shape} {kind}")
        spec = TensorSpec(name, shape, DTYPES[kind])
        tensors.append(Tensor(spec, stream.allocate(bytes_of(spec))))
    return tuple(tensors)


def _started(stream: CudaStream, enqueue: Callable[[], None], capture: bool) -> tuple[Callable[[], None], Execution]:
    for _ in range(WARM_UP):
        enqueue()
    stream.wait()
    if not capture:
        return enqueue, Execution("enqueue", "not asked for")
    try:
        replay = stream.capture(enqueue)
        replay()
        stream.wait()
    except GraphError as error:
        LOGGER.warning("no CUDA graph, every frame is enqueued: %s", error)
        enqueue()  # the stream must still work: if it does not, this is where it is said
        stream.wait()
        return enqueue, Execution("enqueue", str(error))
    return replay, Execution("CUDA graph")
