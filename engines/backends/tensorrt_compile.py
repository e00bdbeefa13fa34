"""Makes the plans that open_tensorrt opens: compiles, compares with a reference, then keeps. Not for the server."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from engines.backends.api import Graph
from engines.backends.cuda import open_cuda
from engines.backends.parity import Feeds, Parity, expect_parity
from engines.backends.plan_cache import PlanCache, PlanOptions, plan_key
from engines.backends.tensorrt import load_plan
from engines.backends.tensorrt_api import load_tensorrt
from engines.backends.tensorrt_build import Progress, Report, build_plan
from engines.backends.typed_graph import weight_files

# How far a plan may be from the reference in float32. float16 and TF32 have 10 bits of mantissa, bfloat16 has 7; a
# wrongly compiled graph is off by far more than rounding.
EXACT = Parity(worst=1e-3, mean=1e-3)
TEN_BITS = Parity(worst=3e-2, mean=1e-2)
SEVEN_BITS = Parity(worst=1e-1, mean=4e-2)

WAITING = Progress("waiting for another process that makes this plan", None, 0, 1)
COMPARING = Progress("comparing with the reference", None, 0, 1)


def limit_of(options: PlanOptions) -> Parity:
    """What is demanded of a plan before it is kept."""
    if options.precision == "bfloat16":
        return SEVEN_BITS
    return EXACT if options.precision == "float32" and not options.tf32 else TEN_BITS


@dataclass(frozen=True, slots=True, eq=False)
class Judge:
    """What a plan is compared with. reference: the same graph and batch size in float32 on another runtime."""

    reference: Graph
    probes: Sequence[Feeds]


def compile_plan(
    path: Path, batch: int, options: PlanOptions, cache: PlanCache, judge: Judge, report: Report, device: int = 0
) -> Path:
    """The plan of an ONNX graph for one batch size on this machine's GPU, made if there is none. Takes minutes.

    report is told of every step, and of waiting for another process that makes the same plan; it may end the work.

    Raises:
        ParityError: the plan's results are not the reference's. It is not kept.
        CompileStopped: `report` asked for it.
        GraphError: TensorRT or the GPU is missing, or the graph cannot be compiled.
    """
    tensorrt, cuda = load_tensorrt(), open_cuda(device)
    key = plan_key(path, batch, options, tensorrt.__version__, cuda.device(), weight_files(path))
    with cache.building(key, lambda: report(WAITING)):
        if cache.holds(key):
            return cache.plan(key)
        plan = build_plan(tensorrt, path, batch, options, report)
        report(COMPARING)
        graph = load_plan(tensorrt, cuda, plan)
        try:
            parity = expect_parity(judge.reference, graph, judge.probes, limit_of(options))
        finally:
            graph.close()
        return cache.store(key, plan, {**asdict(parity), "limit": asdict(limit_of(options))})
