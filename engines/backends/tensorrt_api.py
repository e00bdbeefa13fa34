"""The part of TensorRT's Python API that is used here, declared call by call. Knows no graph.

What is not declared is not used: mypy checks the code against these protocols, and tests/engines/backends check them
against the names and signatures of the real bindings, of which 10.13 to 11.4 were looked at.
"""

from __future__ import annotations

import importlib
import logging
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Protocol, SupportsInt, cast

from engines.backends.api import GraphError

LOGGER = logging.getLogger(__name__)
OLDEST, NEWEST = (10, 13), (12, 0)  # from the first on, and before the second
FIX = 'install Lipcast\'s extra "tensorrt": pip install -e ".[tensorrt]"'


class Named(Protocol):
    """A member of one of TensorRT's enumerations."""

    @property
    def name(self) -> str: ...
    def __int__(self) -> int: ...


class HostMemory(Protocol):
    def __buffer__(self, flags: int, /) -> memoryview: ...


class BuilderConfig(Protocol):
    builder_optimization_level: int
    progress_monitor: Any  # an IProgressMonitor

    def clear_flag(self, flag: Named) -> None: ...
    def set_memory_pool_limit(self, pool: Named, pool_size: SupportsInt) -> None: ...


class NetworkDefinition(Protocol):
    """Only handed on."""


class Builder(Protocol):
    def create_network(self, flags: SupportsInt) -> NetworkDefinition: ...
    def create_builder_config(self) -> BuilderConfig: ...
    def build_serialized_network(self, network: NetworkDefinition, config: BuilderConfig) -> HostMemory | None: ...


class ParserError(Protocol):
    def desc(self) -> str: ...
    def node_name(self) -> str: ...
    def node_operator(self) -> str: ...


class OnnxParser(Protocol):
    @property
    def num_errors(self) -> int: ...
    def parse(self, model: bytes, path: str) -> bool: ...
    def get_error(self, index: SupportsInt) -> ParserError: ...


class ExecutionContext(Protocol):
    def set_tensor_address(self, name: str, memory: SupportsInt) -> bool: ...
    def execute_async_v3(self, stream_handle: SupportsInt) -> bool: ...


class CudaEngine(Protocol):
    @property
    def num_io_tensors(self) -> int: ...
    @property
    def device_memory_size_v2(self) -> int: ...
    def get_tensor_name(self, index: SupportsInt) -> str: ...
    def get_tensor_mode(self, name: str) -> Named: ...
    def get_tensor_shape(self, name: str) -> Sequence[int]: ...
    def get_tensor_dtype(self, name: str) -> Named: ...
    def create_execution_context(self) -> ExecutionContext | None: ...


class Runtime(Protocol):
    def deserialize_cuda_engine(self, serialized_engine: bytes) -> CudaEngine | None: ...


class Enumeration(Protocol):
    @property
    def __members__(self) -> Mapping[str, Named]: ...


class TensorRt(Protocol):
    """The module itself. Its classes are called like functions."""

    @property
    def __version__(self) -> str: ...
    @property
    def NetworkDefinitionCreationFlag(self) -> Enumeration: ...  # STRONGLY_TYPED
    @property
    def BuilderFlag(self) -> Enumeration: ...  # TF32
    @property
    def MemoryPoolType(self) -> Enumeration: ...  # WORKSPACE
    @property
    def ILogger(self) -> type[Any]: ...  # to be derived from, as IProgressMonitor
    @property
    def IProgressMonitor(self) -> type[Any]: ...

    def __hash__(self) -> int: ...
    def Builder(self, logger: Any) -> Builder: ...
    def OnnxParser(self, network: NetworkDefinition, logger: Any) -> OnnxParser: ...
    def Runtime(self, logger: Any) -> Runtime: ...


def load_tensorrt() -> TensorRt:
    """
    Raises:
        GraphError: it is not installed, or is of a version that was never looked at.
    """
    try:
        tensorrt = cast(TensorRt, importlib.import_module("tensorrt"))
    except (ImportError, OSError) as error:  # OSError: its libraries are there but cannot be loaded
        raise GraphError(f"expected TensorRT, found none ({error}); {FIX}") from error
    check_version(tensorrt.__version__)
    return tensorrt


def check_version(version: str) -> None:
    """
    Raises:
        GraphError: it is none of those that are supported.
    """
    if not OLDEST <= version_of(version) < NEWEST:
        wanted = f"{OLDEST[0]}.{OLDEST[1]} or later, before {NEWEST[0]}"
        raise GraphError(f"expected TensorRT {wanted}, found {version}; {FIX}")


def version_of(version: str) -> tuple[int, int]:
    major, minor = version.split(".")[:2]
    return int(major), int(minor)


@cache
def logger_of(tensorrt: TensorRt) -> Any:
    """TensorRT's messages, into Python's log. One for the process's life: TensorRT keeps the first that it meets."""
    levels = {"INTERNAL_ERROR": logging.ERROR, "ERROR": logging.ERROR, "WARNING": logging.WARNING}

    def log(self: object, severity: Named, msg: str) -> None:
        LOGGER.log(levels.get(severity.name, logging.DEBUG), "%s", msg)

    def construct(self: object) -> None:
        tensorrt.ILogger.__init__(self)  # the bindings refuse an object whose own part was not made

    return type("Log", (tensorrt.ILogger,), {"log": log, "__init__": construct})()
