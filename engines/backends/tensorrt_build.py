"""Compiles an ONNX graph into a TensorRT plan, with progress. Takes minutes: never in the server. Knows no cache."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engines.backends.api import GraphError
from engines.backends.plan_cache import PlanOptions
from engines.backends.precision import typed_model
from engines.backends.tensorrt_api import Builder, NetworkDefinition, OnnxParser, TensorRt, logger_of

MIB = 2**20
LARGEST_MODEL = 2**31 - 1  # bytes: what a protobuf message can hold


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a compilation is: TensorRT's phases lie in one another, the outermost has no parent.

    done of steps: of this phase. A phase begins with 0 done.
    """

    phase: str
    parent: str | None
    done: int
    steps: int


Report = Callable[[Progress], bool]  # whether to go on: False ends the compilation, at TensorRT's next step


class CompileStopped(GraphError):
    """The compilation was asked to end before it was done. Nothing was written."""


def build_plan(tensorrt: TensorRt, path: Path, batch: int, options: PlanOptions, report: Report) -> bytes:
    """A plan of the graph for one batch size, as strongly typed as the graph itself, every size fixed.

    Raises:
        GraphError: TensorRT cannot parse the graph or cannot compile it.
        CompileStopped: `report` asked for it.
    """
    logger = logger_of(tensorrt)
    builder = tensorrt.Builder(logger)
    network = builder.create_network(_creation_flags(tensorrt))
    parser = tensorrt.OnnxParser(network, logger)  # must live as long as the network: it holds the weights
    model = typed_model(path, batch, options.precision)
    if model.ByteSize() > LARGEST_MODEL:
        raise GraphError(f"{path}: expected at most 2 GiB at {options.precision}; {_smaller(options.precision)}")
    if not parser.parse(model.SerializeToString(), str(path)):
        raise GraphError(f"{path}: expected a graph that TensorRT {tensorrt.__version__} takes: {_refusals(parser)}")
    return _compiled(tensorrt, builder, network, options, _Watch(report), path)


def _smaller(precision: str) -> str:
    if precision == "float32":
        return "compile it in float16 or bfloat16"
    return "packs as large as those of the mode paper run on PyTorch alone: serve it with --backend pytorch-cuda"


def _creation_flags(tensorrt: TensorRt) -> int:
    """TensorRT 10 must be told to take types as the graph states them; 11 knows no other way."""
    flag = tensorrt.NetworkDefinitionCreationFlag.__members__.get("STRONGLY_TYPED")
    return 0 if flag is None else 1 << int(flag)


def _compiled(
    tensorrt: TensorRt, builder: Builder, network: NetworkDefinition, options: PlanOptions, watch: _Watch, path: Path
) -> bytes:
    config = builder.create_builder_config()
    config.set_memory_pool_limit(tensorrt.MemoryPoolType.__members__["WORKSPACE"], options.workspace_mib * MIB)
    config.builder_optimization_level = options.level
    if not options.tf32:
        config.clear_flag(tensorrt.BuilderFlag.__members__["TF32"])  # set by default
    monitor = _monitor(tensorrt, watch)  # TensorRT keeps no reference of its own until the end
    config.progress_monitor = monitor
    plan = builder.build_serialized_network(network, config)
    if watch.interrupted:
        raise KeyboardInterrupt
    if watch.stopped:
        raise CompileStopped(f"{path}: stopped before the plan was done")
    if plan is None:
        raise GraphError(
            f"{path}: TensorRT {tensorrt.__version__} found no way to compile it with {options}; its reasons are in "
            "the log above; if memory is among them, end what else runs on this GPU or lower the level"
        )
    return bytes(plan)


def _refusals(parser: OnnxParser) -> str:
    errors = [parser.get_error(index) for index in range(parser.num_errors)]
    return (
        "; ".join(f"{error.node_operator()} {error.node_name()!r}: {error.desc()}" for error in errors) or "no reason"
    )


@dataclass(slots=True)
class _Watch:
    """What TensorRT's threads say while they work. Its methods may be called by several threads at a time."""

    report: Report
    steps: dict[str, tuple[str | None, int]] = field(default_factory=dict)  # phase → parent, steps
    stopped: bool = False
    interrupted: bool = False

    def phase_start(self, phase: str, parent: str | None, steps: int) -> None:
        self.steps[phase] = (parent, steps)
        self._say(phase, 0)

    def step_complete(self, phase: str, step: int) -> bool:
        self._say(phase, step + 1)
        return not self.stopped

    def phase_finish(self, phase: str) -> None:
        self.steps.pop(phase, None)

    def _say(self, phase: str, done: int) -> None:
        parent, steps = self.steps.get(phase, (None, done))
        try:
            self.stopped |= not self.report(Progress(phase, parent, done, steps))
        except KeyboardInterrupt:  # must not travel through TensorRT's own frames: raised again behind them
            self.stopped = self.interrupted = True


def _monitor(tensorrt: TensorRt, watch: _Watch) -> Any:
    """The watch as an object of the bindings' own class, whose methods have the bindings' own names."""

    def construct(self: object) -> None:
        tensorrt.IProgressMonitor.__init__(self)  # the bindings refuse an object whose own part was not made

    def phase_start(self: object, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        watch.phase_start(phase_name, parent_phase, num_steps)

    def step_complete(self: object, phase_name: str, step: int) -> bool:
        return watch.step_complete(phase_name, step)

    def phase_finish(self: object, phase_name: str) -> None:
        watch.phase_finish(phase_name)

    methods = {
        "__init__": construct,
        "phase_start": phase_start,
        "step_complete": step_complete,
        "phase_finish": phase_finish,
    }
    return type("Monitor", (tensorrt.IProgressMonitor,), methods)()
