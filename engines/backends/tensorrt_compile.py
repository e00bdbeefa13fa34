"""Makes the plans that open_tensorrt opens: compiles, compares with a reference, then keeps. Not for the server."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends.api import Graph, Tensors, TensorSpec
from engines.backends.cuda import open_cuda
from engines.backends.parity import LIMITS, Feeds, Parity, expect_parity, random_probes
from engines.backends.plan_cache import PlanCache, PlanOptions, Source, plan_key, source_of
from engines.backends.precision import weight_files
from engines.backends.tensorrt import load_plan
from engines.backends.tensorrt_api import load_tensorrt
from engines.backends.tensorrt_build import Progress, Report, build_plan

PROBES = 3  # rows that plans are compared by; a reference on a CPU takes seconds for each
WAITING = Progress("waiting for another process that makes this plan", None, 0, 1)
COMPARING = Progress("comparing with the reference", None, 0, 1)


def limit_of(options: PlanOptions) -> Parity:
    """What is demanded of a plan before it is kept. TF32 has float16's mantissa."""
    return LIMITS["float16" if options.precision == "float32" and options.tf32 else options.precision]


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """What a plan is compared with. reference: the same graph and batch size in float32 on another runtime."""

    reference: Graph
    probes: Sequence[Feeds]


@dataclass(frozen=True, slots=True, eq=False)
class RowByRow:
    """A graph for one row that answers for a batch of any size. It computes no row twice."""

    graph: Graph
    batch: int
    known: dict[str, Tensors] = field(default_factory=dict, repr=False)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return self._all(self.graph.inputs)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return self._all(self.graph.outputs)

    def _all(self, specs: tuple[TensorSpec, ...]) -> tuple[TensorSpec, ...]:
        return tuple(TensorSpec(spec.name, (self.batch, *spec.shape[1:]), spec.dtype) for spec in specs)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        rows = [self._row({name: value[row : row + 1] for name, value in feeds.items()}) for row in range(self.batch)]
        return {spec.name: np.concatenate([row[spec.name] for row in rows]) for spec in self.graph.outputs}

    def _row(self, feeds: Tensors) -> Tensors:
        key = hashlib.sha256(b"".join(feeds[spec.name].tobytes() for spec in self.graph.inputs)).hexdigest()
        if key not in self.known:
            self.known[key] = self.graph.run(feeds)
        return self.known[key]


def judges(reference: Graph, batches: Sequence[int]) -> dict[int, Judge]:
    """By batch size, of a reference for one row: the same few rows are in all of them, at other indices."""
    rows = list(random_probes(reference.inputs, PROBES))
    known: dict[str, Tensors] = {}
    found = {}
    for batch in batches:
        orders = [[(first + row) % PROBES for row in range(batch)] for first in range(PROBES if batch == 1 else 1)]
        probes = [{name: np.concatenate([rows[i][name] for i in each]) for name in rows[0]} for each in orders]
        found[batch] = Judge(RowByRow(reference, batch, known), probes)
    return found


def compile_plans(
    path: Path,
    batches: Sequence[int],
    options: PlanOptions,
    cache: PlanCache,
    reference: Graph,
    report: Callable[[int, Progress], bool],
) -> dict[int, Path]:
    """The plans of an ONNX graph for these batch sizes, as compile_plan makes each; those that are there are kept.

    reference: the same graph for one row, in float32. report: told of the batch size and of every step.

    Raises:
        ParityError, CompileStopped, GraphError: as compile_plan. What was made before stays.
    """
    source, made = source_of(path, weight_files(path)), {}
    for batch, judge in judges(reference, batches).items():
        made[batch] = compile_plan(source, batch, options, cache, judge, partial(report, batch))
    return made


def compile_plan(
    source: Source, batch: int, options: PlanOptions, cache: PlanCache, judge: Judge, report: Report, device: int = 0
) -> Path:
    """The plan of an ONNX graph for one batch size on this machine's GPU, made if there is none. Takes minutes.

    report is told of every step, and of waiting for another process that makes the same plan; it may end the work.

    Raises:
        ParityError: the plan's results are not the reference's. It is not kept.
        CompileStopped: `report` asked for it.
        GraphError: TensorRT or the GPU is missing, or the graph cannot be compiled.
    """
    tensorrt, cuda = load_tensorrt(), open_cuda(device)
    key = plan_key(source, batch, options, tensorrt.__version__, cuda.device())
    with cache.building(key, lambda: report(WAITING)):
        if cache.holds(key):
            return cache.plan(key)
        plan = build_plan(tensorrt, source.path, batch, options, report)
        report(COMPARING)
        graph = load_plan(tensorrt, cuda, plan)
        try:
            parity = expect_parity(judge.reference, graph, judge.probes, limit_of(options))
        finally:
            graph.close()
        return cache.store(key, plan, {**asdict(parity), "limit": asdict(limit_of(options))})
