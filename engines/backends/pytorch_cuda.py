"""Graphs on PyTorch at one fixed batch size: on a GPU captured once as a CUDA graph. Knows not what they compute.

On the CPU the same steps run without a capture, so that tests can compare them with pytorch.py, the reference. Captured
runs were not yet measured on a GPU by us: docs/backends.md.
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

from engines.backends.api import GraphError, Tensors, TensorSpec, check_feeds

WARM_UP = 3  # runs before the capture: libraries choose kernels and take memory at first use, which cannot be captured
PRECISIONS = {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}
IMAGE_AXES = 4  # (batch, channels, height, width): only such tensors have channels that could come last

Compute = Callable[[Sequence[NDArray[Any]]], list[NDArray[Any]]]


@dataclass(frozen=True, slots=True, eq=False)
class StaticTorchGraph:
    """A module whose forward takes the inputs and gives the outputs in this order, at these sizes and no others.

    One run at a time: its inputs have one place in memory. Callers of several threads wait for one another.
    """

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    compute: Compute = field(repr=False)
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        with self.lock:
            results = self.compute([feeds[spec.name] for spec in self.inputs])
        return {spec.name: result for spec, result in zip(self.outputs, results, strict=True)}


def open_torch_static(
    module: nn.Module,
    inputs: tuple[TensorSpec, ...],
    outputs: tuple[TensorSpec, ...],
    *,
    precision: str = "float16",
    device: str = "cuda",
) -> StaticTorchGraph:
    """The module on a device, its weights and arithmetic in "float16", "bfloat16" or "float32", channels last.

    Inputs and outputs stay float32. PyTorch's norms and softmax sum in float32 whatever the precision. Takes the module
    over: it must not be trained on. Opened again for another batch size, it shares its weights.

    Raises:
        GraphError: there is no such device, the run cannot be captured, or the outputs are not as declared.
    """
    if precision not in PRECISIONS:
        raise ValueError(f"expected a precision of {sorted(PRECISIONS)}, got {precision!r}")
    place, kind = torch.device(device), PRECISIONS[precision]
    if place.type == "cuda" and not torch.cuda.is_available():
        raise GraphError(
            f"expected a GPU for {device!r}, and PyTorch {torch.__version__} finds none; install NVIDIA's driver and a "
            "PyTorch built for CUDA, or choose ONNX Runtime, which computes on the CPU"
        )
    module = module.eval().requires_grad_(False).to(place, kind)
    for parameter in module.parameters():
        if parameter.dim() == IMAGE_AXES:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    buffers = [torch.zeros(spec.shape, device=place) for spec in inputs]

    def step() -> tuple[Tensor, ...]:
        given = module(*(_lowered(buffer, kind) for buffer in buffers))
        results = given if isinstance(given, tuple) else (given,)
        return tuple(result.to(torch.float32, memory_format=torch.contiguous_format) for result in results)

    compute = _captured(step, buffers, place) if place.type == "cuda" else _plain(step, buffers)
    _expect(outputs, compute([np.zeros(spec.shape, spec.dtype) for spec in inputs]))
    return StaticTorchGraph(inputs, outputs, compute)


def _lowered(buffer: Tensor, kind: torch.dtype) -> Tensor:
    form = torch.channels_last if buffer.dim() == IMAGE_AXES else torch.contiguous_format
    return buffer.to(kind, memory_format=form)


def _expect(outputs: tuple[TensorSpec, ...], results: list[NDArray[Any]]) -> None:
    wanted = [(spec.shape, spec.dtype) for spec in outputs]
    found = [(result.shape, result.dtype) for result in results]
    if wanted != found:
        raise GraphError(f"expected outputs {wanted}, and the module gives {found}")


def _plain(step: Callable[[], tuple[Tensor, ...]], buffers: Sequence[Tensor]) -> Compute:
    places = [buffer.numpy() for buffer in buffers]

    def compute(feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        for place, value in zip(places, feeds, strict=True):
            np.copyto(place, value)
        with torch.no_grad():
            return [result.numpy(force=True).copy() for result in step()]

    return compute


def _captured(step: Callable[[], tuple[Tensor, ...]], buffers: Sequence[Tensor], device: torch.device) -> Compute:
    stream = torch.cuda.Stream(device)
    staging = [torch.zeros(buffer.shape, pin_memory=True) for buffer in buffers]
    places = [each.numpy() for each in staging]
    graph = torch.cuda.CUDAGraph()
    stream.wait_stream(torch.cuda.current_stream(device))  # the weights may still be on their way
    try:
        with torch.no_grad(), torch.cuda.stream(stream):
            for _ in range(WARM_UP):
                step()
            stream.synchronize()
            # Only this thread's calls are watched meanwhile: other sessions' threads may allocate.
            with torch.cuda.graph(graph, stream=stream, capture_error_mode="thread_local"):
                results = step()
    except RuntimeError as error:  # torch's kind for CUDA's refusals, too little memory among them
        raise GraphError(
            f"the run cannot be captured as a CUDA graph: {error}; nothing in it may wait for the device, copy from "
            "ordinary memory or depend on values"
        ) from error

    def compute(feeds: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
        for place, value in zip(places, feeds, strict=True):
            np.copyto(place, value)
        # torch keeps page-locked memory for reuse once nobody refers to it: results are the caller's own, at no cost.
        hosts = [torch.empty(result.shape, pin_memory=True) for result in results]
        with torch.cuda.stream(stream):
            for buffer, staged in zip(buffers, staging, strict=True):
                buffer.copy_(staged, non_blocking=True)
            graph.replay()
            for host, result in zip(hosts, results, strict=True):
                host.copy_(result, non_blocking=True)
            stream.synchronize()
        return [host.numpy() for host in hosts]

    return compute
