"""Graphs on PyTorch at one fixed batch size: on a GPU captured once as a CUDA graph. Knows not what they compute.

On the CPU the same steps run without a capture, so that tests can compare them with pytorch.py, the reference. What was
run on a GPU, and what not yet, docs/backends.md says.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engines.backends.api import GraphError, Tensors, TensorSpec, check_feeds, check_rows
from engines.backends.device_constants import DeviceConstants

WARM_UP = 3  # runs before the capture: libraries choose kernels and take memory at first use, which cannot be captured
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
IMAGE_AXES = 4  # (batch, channels, height, width): only such tensors have channels that could come last
MORE_MEMORY = "end what else runs on this device, lower engine.max_batch, or choose a pack of fewer pixels"

Step = Callable[[], tuple[Tensor, ...]]


@dataclass(frozen=True, slots=True, eq=False)
class InputBuffer:
    """One input. device: what the module reads; staging: page-locked host memory, or the device tensor's own memory."""

    device: Tensor
    staging: NDArray[Any]
    source: Tensor | None  # staging as a tensor; None where staging is the device tensor


@dataclass(frozen=True, slots=True, eq=False)
class StaticTorchGraph:
    """A module whose forward takes the inputs and gives the outputs in this order, at these sizes and no others.

    One run at a time, since there is one buffer for each input; threads wait for one another.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    buffers: tuple[InputBuffer, ...] = field(repr=False)
    start: Step = field(repr=False)  # asks the device for one run; its results stay where they are
    stream: torch.cuda.Stream | None = field(repr=False)
    constants: DeviceConstants[Tensor] = field(repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        with self.lock, torch.no_grad(), torch.cuda.stream(self.stream):
            for spec, buffer in zip(self.inputs, self.buffers, strict=True):
                np.copyto(buffer.staging, feeds[spec.name])
                self._upload(buffer)
            return self._results()

    def run_rows(self, rows: Sequence[Tensors]) -> list[Tensors]:
        check_rows(self.inputs, rows)
        with self.lock, torch.no_grad(), torch.cuda.stream(self.stream):
            for spec, buffer in zip(self.inputs, self.buffers, strict=True):
                self._put(buffer, [row[spec.name] for row in rows])
            results = self._results()
        return [{name: value[row] for name, value in results.items()} for row in range(len(rows))]

    def _put(self, buffer: InputBuffer, values: Sequence[NDArray[Any]]) -> None:
        """Rows beyond the values keep their old contents."""
        copies = [self.constants.of(value) for value in values]
        for row, (value, copy) in enumerate(zip(values, copies, strict=True)):
            if copy is None:
                np.copyto(buffer.staging[row], value)
        if not all(copy is not None for copy in copies):
            self._upload(buffer)
        for row, copy in enumerate(copies):
            if copy is not None:
                buffer.device[row].copy_(copy, non_blocking=True)

    def _upload(self, buffer: InputBuffer) -> None:
        if buffer.source is not None:
            buffer.device.copy_(buffer.source, non_blocking=True)

    def _results(self) -> Tensors:
        if self.stream is None:
            hosts = [result.clone() for result in self.start()]
        else:
            results = self.start()
            # torch reuses page-locked memory once it is no longer referenced: results are the caller's own.
            hosts = [torch.empty(result.shape, pin_memory=True) for result in results]
            for host, result in zip(hosts, results, strict=True):
                host.copy_(result, non_blocking=True)
            self.stream.synchronize()
        return {spec.name: host.numpy() for spec, host in zip(self.outputs, hosts, strict=True)}


def open_torch_static(
    module: nn.Module,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    *,
    precision: str = "float16",
    device: str = "cuda",
    compiled: bool = False,
) -> StaticTorchGraph:
    """The module on a device, its weights and arithmetic in "float16", "bfloat16" or "float32", channels last.

    Inputs and outputs stay float32. PyTorch's norms and softmax sum in float32 whatever the precision. Takes the module
    over: it must not be trained on. Opened again for another batch size, it shares its weights.

    compiled: by TorchInductor before it is captured; takes minutes, and a C++ compiler.

    Raises:
        GraphError: there is no such device, or too little memory on it; the run cannot be captured, or the outputs are
            not as declared.
    """
    module, target, kind = placed_on(module, precision, device), torch.device(device), PRECISIONS[precision]
    forward = torch.compile(module, dynamic=False) if compiled else module
    buffers = tuple(_input_buffer(spec, target) for spec in inputs)

    def step() -> tuple[Tensor, ...]:
        given = forward(*(_lowered(each.device, kind) for each in buffers))
        results = given if isinstance(given, tuple) else (given,)
        return tuple(result.to(torch.float32, memory_format=torch.contiguous_format) for result in results)

    stream = None if target.type == "cpu" else torch.cuda.Stream(target)
    start = step if stream is None else capture(step, stream, exact=kind == torch.float32)
    constants: DeviceConstants[Tensor] = DeviceConstants(lambda array: torch.tensor(array, device=target))
    graph = StaticTorchGraph(inputs, outputs, buffers, start, stream, constants)
    _expect(graph)
    return graph


def placed_on(module: nn.Module, precision: str, device: str) -> nn.Module:
    """The module itself, ready to compute on a device.

    Raises:
        GraphError: there is no such device, or too little memory on it.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"expected a precision of {sorted(PRECISIONS)}, got {precision!r}")
    if torch.device(device).type == "cuda" and not torch.cuda.is_available():
        raise GraphError(
            f"expected a GPU for {device!r}, and PyTorch {torch.__version__} finds none; install NVIDIA's driver and a "
            "PyTorch built for CUDA, or choose ONNX Runtime, which computes on the CPU"
        )
    try:
        module = module.eval().requires_grad_(False).to(torch.device(device), PRECISIONS[precision])
        for parameter in module.parameters():
            if parameter.dim() == IMAGE_AXES:
                parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    except RuntimeError as error:
        raise GraphError(f"the weights cannot be put on {device!r}: {error}; {MORE_MEMORY}") from error
    return module


def capture(step: Step, stream: torch.cuda.Stream, exact: bool = False) -> Step:
    """Run once for its kernels, recorded; the result asks for all of them again in one launch, on the same stream.

    exact: float32 is not shortened to TF32, as cuDNN otherwise does.

    Raises:
        GraphError: the run cannot be captured.
    """
    graph = torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream(stream.device))  # the weights may still be on their way
    # cuDNN tries its kernels during the warm-up; the captured graph keeps the fastest.
    choosing = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=not exact)
    try:
        with torch.no_grad(), torch.cuda.stream(stream), choosing:
            for _ in range(WARM_UP):
                step()
            stream.synchronize()
            # Only this thread's calls are watched meanwhile: other sessions' threads may allocate.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                results = step()
    except torch.OutOfMemoryError as error:
        raise GraphError(f"the run cannot be captured as a CUDA graph: {error}; {MORE_MEMORY}") from error
    except RuntimeError as error:  # torch's kind for all other refusals of CUDA
        raise GraphError(
            f"the run cannot be captured as a CUDA graph: {error}; nothing in it may wait for the device, copy from "
            "ordinary memory or depend on values"
        ) from error

    def replay() -> tuple[Tensor, ...]:
        graph.replay()
        return results

    return replay


def _input_buffer(spec: TensorSpec, device: torch.device) -> InputBuffer:
    """
    Raises:
        GraphError: there is too little memory.
    """
    try:
        buffer = torch.zeros(spec.shape, device=device)
        if device.type == "cpu":
            return InputBuffer(buffer, buffer.numpy(), None)
        source = torch.zeros(spec.shape, pin_memory=True)
    except RuntimeError as error:
        raise GraphError(f"the input {spec.name} cannot be allocated on {device}: {error}; {MORE_MEMORY}") from error
    return InputBuffer(buffer, source.numpy(), source)


def _lowered(buffer: Tensor, kind: torch.dtype) -> Tensor:
    form = torch.channels_last if buffer.dim() == IMAGE_AXES else torch.contiguous_format
    return buffer.to(kind, memory_format=form)


def _expect(graph: StaticTorchGraph) -> None:
    """One run on zeros, whose results must be as declared."""
    wanted = [(spec.shape, spec.dtype) for spec in graph.outputs]
    with torch.no_grad(), torch.cuda.stream(graph.stream):
        found = [(tuple(result.shape), np.dtype(np.float32)) for result in graph.start()]
    if wanted != found:
        raise GraphError(f"expected outputs {wanted}, and the module gives {found}")
