"""CUDA's memory, one stream and captured graphs, on NVIDIA's own bindings. Knows no network."""

from __future__ import annotations

import ctypes
import importlib
import math
import weakref
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any, Protocol, SupportsInt, cast

import numpy as np
from numpy.typing import NDArray

from engines.backends.api import GraphError, TensorSpec

SUCCESS = 0
NON_BLOCKING = 1  # cudaStreamNonBlocking: this stream does not wait for the default one
FIX = "install NVIDIA's driver (nvidia-smi must list the GPU) and Lipcast's extra \"tensorrt\""


class CudaError(GraphError):
    """A call of CUDA was refused: the call, and CUDA's own words."""


class MemcpyKind(Protocol):
    @property
    def cudaMemcpyHostToDevice(self) -> Any: ...
    @property
    def cudaMemcpyDeviceToHost(self) -> Any: ...
    @property
    def cudaMemcpyDeviceToDevice(self) -> Any: ...


class CaptureMode(Protocol):
    @property
    def cudaStreamCaptureModeThreadLocal(self) -> Any: ...


class DeviceAttribute(Protocol):
    @property
    def cudaDevAttrComputeCapabilityMajor(self) -> Any: ...
    @property
    def cudaDevAttrComputeCapabilityMinor(self) -> Any: ...


class CudaRuntime(Protocol):
    """The part of cuda.bindings.runtime that is used here. Every call gives (error, results…)."""

    @property
    def cudaMemcpyKind(self) -> MemcpyKind: ...
    @property
    def cudaStreamCaptureMode(self) -> CaptureMode: ...
    @property
    def cudaDeviceAttr(self) -> DeviceAttribute: ...

    def cudaGetErrorString(self, error: Any) -> tuple[Any, bytes]: ...
    def cudaGetLastError(self) -> tuple[Any]: ...
    def cudaSetDevice(self, device: int) -> tuple[Any]: ...
    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, Any]: ...
    def cudaDeviceGetAttribute(self, attr: Any, device: int) -> tuple[Any, int]: ...
    def cudaMemGetInfo(self) -> tuple[Any, int, int]: ...
    def cudaMalloc(self, size: int) -> tuple[Any, SupportsInt]: ...
    def cudaFree(self, devPtr: int) -> tuple[Any]: ...
    def cudaMallocHost(self, size: int) -> tuple[Any, SupportsInt]: ...
    def cudaFreeHost(self, ptr: int) -> tuple[Any]: ...
    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: Any) -> tuple[Any]: ...
    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, SupportsInt]: ...
    def cudaStreamDestroy(self, stream: Any) -> tuple[Any]: ...
    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any]: ...
    def cudaStreamBeginCapture(self, stream: Any, mode: Any) -> tuple[Any]: ...
    def cudaStreamEndCapture(self, stream: Any) -> tuple[Any, Any]: ...
    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any, Any]: ...
    def cudaGraphLaunch(self, graphExec: Any, stream: Any) -> tuple[Any]: ...
    def cudaGraphDestroy(self, graph: Any) -> tuple[Any]: ...
    def cudaGraphExecDestroy(self, graphExec: Any) -> tuple[Any]: ...


@dataclass(frozen=True, slots=True)
class Device:
    """A GPU. A plan is for one kind of them: name and compute capability together."""

    name: str
    capability: str  # "9.0"


@dataclass(frozen=True, slots=True, eq=False)
class Cuda:
    """One device of the machine."""

    runtime: CudaRuntime
    ordinal: int

    def do(self, call: Callable[..., tuple[Any, ...]], *arguments: Any) -> Any:
        """The call's result, the first where it has several.

        Raises:
            CudaError: CUDA refuses.
        """
        error, *results = call(*arguments)
        if int(error) != SUCCESS:
            words = self.runtime.cudaGetErrorString(error)[1].decode()
            raise CudaError(f"{call.__name__}: CUDA refuses: {words} ({int(error)})")
        return results[0] if results else None

    def select(self) -> None:
        """Make this the calling thread's device: CUDA keeps one for each thread."""
        self.do(self.runtime.cudaSetDevice, self.ordinal)

    def device(self) -> Device:
        properties = self.do(self.runtime.cudaGetDeviceProperties, self.ordinal)
        name = properties.name.decode() if isinstance(properties.name, bytes) else str(properties.name)
        attributes = self.runtime.cudaDeviceAttr
        parts = (attributes.cudaDevAttrComputeCapabilityMajor, attributes.cudaDevAttrComputeCapabilityMinor)
        numbers = [str(self.do(self.runtime.cudaDeviceGetAttribute, part, self.ordinal)) for part in parts]
        return Device(name.rstrip("\0"), ".".join(numbers))

    def expect_free(self, needed: int, purpose: str) -> None:
        """
        Raises:
            CudaError: fewer bytes of the device's memory are free.
        """
        free = int(self.do(self.runtime.cudaMemGetInfo))
        if free < needed:
            raise CudaError(
                f"{purpose}: expected {needed / 2**20:.0f} MiB of free GPU memory, found {free / 2**20:.0f}; "
                "open fewer batch sizes, choose a smaller resolution, or end what else runs on this GPU"
            )


def open_cuda(ordinal: int = 0) -> Cuda:
    """
    Raises:
        CudaError: there are no bindings, no driver or no such device.
    """
    try:
        runtime = cast(CudaRuntime, importlib.import_module("cuda.bindings.runtime"))
    except (ImportError, OSError) as error:
        raise CudaError(f"expected NVIDIA's CUDA bindings for Python, found none ({error}); {FIX}") from error
    cuda = Cuda(runtime, ordinal)
    try:
        cuda.select()
    except CudaError as error:
        raise CudaError(f"expected an NVIDIA GPU number {ordinal}, found none: {error}; {FIX}") from error
    return cuda


@dataclass(frozen=True, slots=True, eq=False)
class CudaStream:
    """A stream with the memory and the graphs that are used on it; all are given back by close()."""

    cuda: Cuda
    handle: Any
    resources: ExitStack

    def allocate(self, size: int) -> int:
        """Device memory of so many bytes, aligned to 256 as CUDA's allocator promises: its address."""
        address = int(self.cuda.do(self.cuda.runtime.cudaMalloc, size))
        self.resources.callback(self.cuda.do, self.cuda.runtime.cudaFree, address)
        return address

    def pinned(self, spec: TensorSpec) -> NDArray[Any]:
        """Zeros in page-locked memory, which the device reads without a detour. Not to be touched after close()."""
        address = int(self.cuda.do(self.cuda.runtime.cudaMallocHost, bytes_of(spec)))
        self.resources.callback(self.cuda.do, self.cuda.runtime.cudaFreeHost, address)
        staging = _view(address, spec)[1]
        staging.fill(0)
        return staging

    def upload(self, device: int, host: NDArray[Any]) -> None:
        """Begin the copy; host must stay as it is until the stream was waited for."""
        self._copy(device, host.ctypes.data, host.nbytes, self.cuda.runtime.cudaMemcpyKind.cudaMemcpyHostToDevice)

    def download(self, host: NDArray[Any], device: int) -> None:
        self._copy(host.ctypes.data, device, host.nbytes, self.cuda.runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost)

    def move(self, to: int, of: int, size: int) -> None:
        """Within the device's memory."""
        self._copy(to, of, size, self.cuda.runtime.cudaMemcpyKind.cudaMemcpyDeviceToDevice)

    def device_copy(self, array: NDArray[Any]) -> DeviceArray:
        """A copy of the array in the device's memory, there when this returns."""
        host = np.ascontiguousarray(array)
        copy = DeviceArray(int(self.cuda.do(self.cuda.runtime.cudaMalloc, host.nbytes)), host.nbytes)
        weakref.finalize(copy, _free, self.cuda, copy.address).atexit = False
        self.upload(copy.address, host)
        self.wait()
        return copy

    def _copy(self, to: int, of: int, size: int, kind: Any) -> None:
        self.cuda.do(self.cuda.runtime.cudaMemcpyAsync, to, of, size, kind, self.handle)

    def wait(self) -> None:
        self.cuda.do(self.cuda.runtime.cudaStreamSynchronize, self.handle)

    def capture(self, work: Callable[[], None]) -> Callable[[], None]:
        """Record what `work` asks of this stream, once; the result asks for all of it again in one call.

        Only this thread's calls are watched meanwhile: other sessions' threads may allocate.

        Raises:
            CudaError: something in it cannot be recorded. The stream is usable as before.
        """
        runtime = self.cuda.runtime
        mode = runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.cuda.do(runtime.cudaStreamBeginCapture, self.handle, mode)
        try:
            work()
        except GraphError:
            runtime.cudaStreamEndCapture(self.handle)  # ends in an error as it must: the one that came first counts
            runtime.cudaGetLastError()  # CUDA keeps the last error until it is read
            raise
        try:
            graph = self.cuda.do(runtime.cudaStreamEndCapture, self.handle)
            executable = self.cuda.do(runtime.cudaGraphInstantiate, graph, 0)
        except CudaError:
            runtime.cudaGetLastError()
            raise
        self.cuda.do(runtime.cudaGraphDestroy, graph)
        self.resources.callback(self.cuda.do, runtime.cudaGraphExecDestroy, executable)
        return lambda: self.cuda.do(runtime.cudaGraphLaunch, executable, self.handle)

    def close(self) -> None:
        """Once is enough, twice does no harm."""
        self.resources.close()


@dataclass(frozen=True, slots=True, eq=False, weakref_slot=True)
class DeviceArray:
    """Memory of the device that is given back with the last reference to this."""

    address: int
    size: int  # bytes


def _free(cuda: Cuda, address: int) -> None:
    cuda.select()  # whatever thread lets go of it
    cuda.do(cuda.runtime.cudaFree, address)


def open_stream(cuda: Cuda) -> CudaStream:
    """
    Raises:
        CudaError: CUDA refuses.
    """
    resources = ExitStack()
    handle = cuda.do(cuda.runtime.cudaStreamCreateWithFlags, NON_BLOCKING)
    resources.callback(cuda.do, cuda.runtime.cudaStreamDestroy, handle)
    return CudaStream(cuda, handle, resources)


@dataclass(frozen=True, slots=True, eq=False)
class PinnedPool:
    """Arrays of one shape in page-locked memory, which the device writes without a detour.

    An array is the taker's until nothing refers to it any more; only then is its memory used again. Two are made
    ahead, so that the device can write one result while the caller still has the last one; keeping more makes
    the pool grow, as results in ordinary memory would.
    """

    cuda: Cuda
    spec: TensorSpec
    free: list[int] = field(default_factory=list)  # addresses of blocks that are not in use

    AHEAD = 2

    def __post_init__(self) -> None:
        self.free.extend(self._block() for _ in range(self.AHEAD))

    def take(self) -> NDArray[Any]:
        address = self.free.pop() if self.free else self._block()
        memory, array = _view(address, self.spec)
        weakref.finalize(memory, self.free.append, address).atexit = False
        return array

    def _block(self) -> int:
        return int(self.cuda.do(self.cuda.runtime.cudaMallocHost, bytes_of(self.spec)))

    def close(self) -> None:
        """Free the blocks that are not in use. Arrays that are in use stay valid while the process lives."""
        while self.free:
            self.cuda.do(self.cuda.runtime.cudaFreeHost, self.free.pop())


def bytes_of(spec: TensorSpec) -> int:
    return math.prod(spec.shape) * spec.dtype.itemsize


def _view(address: int, spec: TensorSpec) -> tuple[Any, NDArray[Any]]:
    """The memory at an address, and an array over it that keeps it referred to."""
    memory = (ctypes.c_byte * bytes_of(spec)).from_address(address)
    return memory, np.frombuffer(memoryview(memory), spec.dtype).reshape(spec.shape)
