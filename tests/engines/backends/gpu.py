"""A machine with a GPU, made of the ordinary one: CUDA's and TensorRT's calls with real memory and real results.

Device memory is host memory, and what is asked of a stream happens when somebody waits for it: whoever reads too early
reads zeros. A "plan" is the ONNX graph itself, computed by ONNX Runtime.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import ModuleType
from typing import Any, SupportsInt, cast

import numpy as np
import onnxruntime as ort
import pytest

from engines.backends.cuda import CudaRuntime
from engines.backends.tensorrt_api import (
    Builder,
    BuilderConfig,
    CudaEngine,
    ExecutionContext,
    NetworkDefinition,
    OnnxParser,
    ParserError,
    Runtime,
    TensorRt,
)

REFUSED = 1
STRONGLY_TYPED = 1  # 1 << int(STRONGLY_TYPED)
Work = Callable[[], object]


@dataclass
class Properties:
    name: bytes


class MemcpyKind(IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2
    cudaMemcpyDeviceToDevice = 3


class CaptureMode(IntEnum):
    cudaStreamCaptureModeThreadLocal = 1


class DeviceAttribute(IntEnum):
    """By their places in `capability`."""

    cudaDevAttrComputeCapabilityMajor = 0
    cudaDevAttrComputeCapabilityMinor = 1


@dataclass
class FakeCudaRuntime:
    """refuse: names of calls that fail. log: names of all calls, in order."""

    name: str = "Paper GPU"
    capability: tuple[int, int] = (9, 0)
    free_memory: int = 1 << 30
    refuse: set[str] = field(default_factory=set)
    log: list[str] = field(default_factory=list)
    device: dict[int, Any] = field(default_factory=dict)  # address → memory
    host: dict[int, Any] = field(default_factory=dict)
    streams: dict[int, list[Work]] = field(default_factory=dict)
    graphs: dict[int, list[Work]] = field(default_factory=dict)
    recording: list[Work] | None = None

    cudaMemcpyKind = MemcpyKind
    cudaStreamCaptureMode = CaptureMode
    cudaDeviceAttr = DeviceAttribute

    def _begin(self, call: str) -> int:
        self.log.append(call)
        return REFUSED if call in self.refuse else 0

    def cudaGetErrorString(self, error: Any) -> tuple[Any, bytes]:
        return 0, b"the test refuses it"

    def cudaGetLastError(self) -> tuple[Any]:
        return (self._begin("cudaGetLastError"),)

    def cudaSetDevice(self, device: int) -> tuple[Any]:
        return (self._begin("cudaSetDevice"),)

    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, Any]:
        return self._begin("cudaGetDeviceProperties"), Properties(self.name.encode())

    def cudaDeviceGetAttribute(self, attr: Any, device: int) -> tuple[Any, int]:
        return self._begin("cudaDeviceGetAttribute"), self.capability[attr]

    def cudaMemGetInfo(self) -> tuple[Any, int, int]:
        return self._begin("cudaMemGetInfo"), self.free_memory, 1 << 40

    def _allocate(self, size: int, among: dict[int, Any]) -> int:
        memory = (ctypes.c_byte * (size + 1))()
        among[ctypes.addressof(memory)] = memory
        return ctypes.addressof(memory)

    def cudaMalloc(self, size: int) -> tuple[Any, SupportsInt]:
        return self._begin("cudaMalloc"), self._allocate(size, self.device)

    def cudaFree(self, devPtr: int) -> tuple[Any]:
        del self.device[devPtr]
        return (self._begin("cudaFree"),)

    def cudaMallocHost(self, size: int) -> tuple[Any, SupportsInt]:
        return self._begin("cudaMallocHost"), self._allocate(size, self.host)

    def cudaFreeHost(self, ptr: int) -> tuple[Any]:
        del self.host[ptr]
        return (self._begin("cudaFreeHost"),)

    def ask(self, stream: int, work: Work) -> None:
        (self.streams[stream] if self.recording is None else self.recording).append(work)

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: Any) -> tuple[Any]:
        self.ask(stream, lambda: ctypes.memmove(dst, src, count))
        return (self._begin("cudaMemcpyAsync"),)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, SupportsInt]:
        handle = 7000 + len(self.streams)
        self.streams[handle] = []
        return self._begin("cudaStreamCreateWithFlags"), handle

    def cudaStreamDestroy(self, stream: Any) -> tuple[Any]:
        del self.streams[stream]
        return (self._begin("cudaStreamDestroy"),)

    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any]:
        while self.streams[stream]:
            self.streams[stream].pop(0)()
        return (self._begin("cudaStreamSynchronize"),)

    def cudaStreamBeginCapture(self, stream: Any, mode: Any) -> tuple[Any]:
        error = self._begin("cudaStreamBeginCapture")
        self.recording = None if error else []
        return (error,)

    def cudaStreamEndCapture(self, stream: Any) -> tuple[Any, Any]:
        recorded, self.recording = self.recording, None
        error = self._begin("cudaStreamEndCapture")
        return (error, None) if error else (0, recorded)

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any, Any]:
        self.graphs[id(graph)] = graph
        return self._begin("cudaGraphInstantiate"), id(graph)

    def cudaGraphLaunch(self, graphExec: Any, stream: Any) -> tuple[Any]:
        self.streams[stream].extend(self.graphs[graphExec])
        return (self._begin("cudaGraphLaunch"),)

    def cudaGraphDestroy(self, graph: Any) -> tuple[Any]:
        return (self._begin("cudaGraphDestroy"),)

    def cudaGraphExecDestroy(self, graphExec: Any) -> tuple[Any]:
        del self.graphs[graphExec]
        return (self._begin("cudaGraphExecDestroy"),)


class Flag(IntEnum):
    STRONGLY_TYPED = 0


class Switch(IntEnum):
    TF32 = 7


class Pool(IntEnum):
    WORKSPACE = 0


class Mode(IntEnum):
    NONE = 0
    INPUT = 1
    OUTPUT = 2


class Kind(IntEnum):
    FLOAT = 0
    HALF = 1


@dataclass
class FakeConfig:
    builder_optimization_level: int = 3
    progress_monitor: Any = None
    cleared: list[Any] = field(default_factory=list)
    workspace: int = 0

    def clear_flag(self, flag: Any) -> None:
        self.cleared.append(flag.name)

    def set_memory_pool_limit(self, pool: Any, pool_size: SupportsInt) -> None:
        self.workspace = int(pool_size)


@dataclass
class FakeNetwork:
    flags: int
    model: bytes = b""


@dataclass
class FakeError:
    words: str

    def desc(self) -> str:
        return self.words

    def node_name(self) -> str:
        return "here"

    def node_operator(self) -> str:
        return "Conv"


@dataclass
class FakeParser:
    network: FakeNetwork
    errors: Sequence[str]

    @property
    def num_errors(self) -> int:
        return len(self.errors)

    def parse(self, model: bytes, path: str) -> bool:
        self.network.model = model
        return not self.errors

    def get_error(self, index: SupportsInt) -> ParserError:
        return FakeError(self.errors[int(index)])


@dataclass
class FakePlan:
    content: bytes

    def __bytes__(self) -> bytes:
        return self.content

    def __buffer__(self, flags: int, /) -> memoryview:
        return memoryview(self.content)


@dataclass
class FakeBuilder:
    module: FakeTensorRt

    def create_network(self, flags: SupportsInt) -> NetworkDefinition:
        return FakeNetwork(int(flags))

    def create_builder_config(self) -> BuilderConfig:
        return FakeConfig()

    def build_serialized_network(self, network: NetworkDefinition, config: BuilderConfig) -> FakePlan | None:
        assert isinstance(network, FakeNetwork)
        assert isinstance(config, FakeConfig)
        self.module.built.append((network, config))
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        monitor.phase_start("Tactics", "Building", 3)
        for step in range(3):
            if not monitor.step_complete("Tactics", step):
                return None
        monitor.phase_finish("Tactics")
        monitor.phase_finish("Building")
        if self.module.compiles is None:
            return None
        return FakePlan(self.module.stamp + self.module.compiles(network.model))


@dataclass
class FakeContext:
    engine: FakeEngine
    addresses: dict[str, int] = field(default_factory=dict)

    def set_tensor_address(self, name: str, memory: SupportsInt) -> bool:
        self.addresses[name] = int(memory)
        return True

    def execute_async_v3(self, stream_handle: SupportsInt) -> bool:
        cuda = self.engine.module.cuda
        if self.engine.module.refuses_capture and cuda.recording is not None:
            return False
        cuda.ask(int(stream_handle), self._compute)
        return True

    def _compute(self) -> None:
        session = self.engine.session
        feeds = {
            spec.name: np.frombuffer(ctypes.string_at(self.addresses[spec.name], 4 * int(np.prod(spec.shape))), "f4")
            .reshape(spec.shape)
            .copy()
            for spec in session.get_inputs()
        }
        for spec, result in zip(session.get_outputs(), session.run(None, feeds), strict=True):
            ctypes.memmove(self.addresses[spec.name], result.ctypes.data, result.nbytes)


@dataclass
class FakeEngine:
    module: FakeTensorRt
    session: ort.InferenceSession
    device_memory_size_v2: int = 1 << 20

    def _tensors(self) -> list[tuple[Any, Mode]]:
        inputs = [(spec, Mode.INPUT) for spec in self.session.get_inputs()]
        return inputs + [(spec, Mode.OUTPUT) for spec in self.session.get_outputs()]

    def _find(self, name: str) -> tuple[Any, Mode]:
        return next(found for found in self._tensors() if found[0].name == name)

    @property
    def num_io_tensors(self) -> int:
        return len(self._tensors())

    def get_tensor_name(self, index: SupportsInt) -> str:
        return str(self._tensors()[int(index)][0].name)

    def get_tensor_mode(self, name: str) -> Mode:
        return self._find(name)[1]

    def get_tensor_shape(self, name: str) -> Sequence[int]:
        return [size if isinstance(size, int) else -1 for size in self._find(name)[0].shape]

    def get_tensor_dtype(self, name: str) -> Kind:
        return Kind.FLOAT if self._find(name)[0].type == "tensor(float)" else Kind.HALF

    def create_execution_context(self) -> ExecutionContext | None:
        return FakeContext(self)


@dataclass
class FakeRuntime:
    module: FakeTensorRt

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None:
        if not serialized_engine.startswith(self.module.stamp):
            return None
        options = ort.SessionOptions()
        options.intra_op_num_threads, options.log_severity_level = 1, 3
        content = serialized_engine[len(self.module.stamp) :]
        return FakeEngine(self.module, ort.InferenceSession(content, options, providers=["CPUExecutionProvider"]))


class FakeLog:
    """As the bindings' class: whoever derives from it must call its constructor."""

    def __init__(self) -> None:
        self.made = True


class FakeMonitor(FakeLog):
    pass


@dataclass(eq=False)
class FakeTensorRt:
    """compiles: what becomes of the graph; None: no way is found. complaints: what the parser objects to."""

    cuda: FakeCudaRuntime
    __version__: str = "10.16.1.11"
    compiles: Callable[[bytes], bytes] | None = lambda model: model
    complaints: Sequence[str] = ()
    refuses_capture: bool = False
    built: list[tuple[FakeNetwork, FakeConfig]] = field(default_factory=list)

    NetworkDefinitionCreationFlag = Flag
    BuilderFlag = Switch
    MemoryPoolType = Pool
    ILogger = FakeLog
    IProgressMonitor = FakeMonitor

    @property
    def stamp(self) -> bytes:
        return f"{self.__version__} {self.cuda.name}|".encode()

    def Builder(self, logger: Any) -> Builder:
        assert logger.made
        return FakeBuilder(self)

    def OnnxParser(self, network: NetworkDefinition, logger: Any) -> OnnxParser:
        assert isinstance(network, FakeNetwork)
        return FakeParser(network, self.complaints)

    def Runtime(self, logger: Any) -> Runtime:
        return FakeRuntime(self)


def as_declared(cuda: FakeCudaRuntime, tensorrt: FakeTensorRt) -> tuple[CudaRuntime, TensorRt]:
    """The same objects: mypy sees here that the fakes have what the protocols declare."""
    return cuda, tensorrt


def install(monkeypatch: pytest.MonkeyPatch) -> FakeTensorRt:
    """Let `import tensorrt` and `import cuda.bindings.runtime` find the fakes; `.cuda` is the latter."""
    cuda = FakeCudaRuntime()
    tensorrt = FakeTensorRt(cuda)
    for name in ("cuda", "cuda.bindings"):
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cast(ModuleType, cuda))
    monkeypatch.setitem(sys.modules, "tensorrt", cast(ModuleType, tensorrt))
    return tensorrt
