"""Whether two runtimes compute the same graph. Knows neither of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends.api import Graph, GraphError, Tensors, TensorSpec

Feeds = Mapping[str, NDArray[Any]]


class ParityError(GraphError):
    """A runtime's results are not those of the reference."""


@dataclass(frozen=True, slots=True)
class Parity:
    """How far the results were from the reference at most, of all outputs and probes.

    worst: the largest difference of a value, relative to the largest value of the reference's output. mean: root mean
    square of the differences, relative to that of the reference's output.
    """

    worst: float = 0.0
    mean: float = 0.0

    def within(self, limit: Parity) -> bool:
        return self.worst <= limit.worst and self.mean <= limit.mean


# How far a graph for a GPU may be from the reference in float32, by its precision. float16 has 10 bits of mantissa,
# bfloat16 has 7; a wrongly compiled graph is off by far more than rounding.
LIMITS = {
    "float32": Parity(worst=1e-3, mean=1e-3),
    "float16": Parity(worst=3e-2, mean=1e-2),
    "bfloat16": Parity(worst=1e-1, mean=4e-2),
}


def compare(reference: Graph, candidate: Graph, probes: Iterable[Feeds]) -> Parity:
    """
    Raises:
        ParityError: inputs or outputs are not alike, or a result is not finite.
    """
    for kind in ("inputs", "outputs"):
        wanted, found = (sorted(getattr(graph, kind), key=_name) for graph in (reference, candidate))
        if wanted != found:
            raise ParityError(f"expected the {kind} {wanted}, found {found}")
    differences = [_difference(reference.run(feeds), candidate.run(feeds)) for feeds in probes]
    if not differences:
        raise ValueError("expected at least one probe to compare the runtimes by, got none")
    return Parity(max(each.worst for each in differences), max(each.mean for each in differences))


def expect_parity(reference: Graph, candidate: Graph, probes: Iterable[Feeds], limit: Parity) -> Parity:
    """
    Raises:
        ParityError: the results are further apart than `limit`, or cannot be compared.
    """
    parity = compare(reference, candidate, probes)
    if not parity.within(limit):
        raise ParityError(f"expected results within {limit} of the reference's, found {parity}")
    return parity


def random_probes(inputs: Sequence[TensorSpec], count: int = 4, seed: int = 0) -> Iterator[Tensors]:
    """Feeds of numbers drawn evenly from [-1, 1], the same for every seed."""
    draw = np.random.default_rng(seed)
    for _ in range(count):
        yield {spec.name: draw.uniform(-1, 1, spec.shape).astype(spec.dtype) for spec in inputs}


def _name(spec: TensorSpec) -> str:
    return spec.name


def _difference(wanted: Tensors, found: Tensors) -> Parity:
    worst = mean = 0.0
    for name, reference in wanted.items():
        if not (np.isfinite(reference).all() and np.isfinite(found[name]).all()):
            raise ParityError(f"{name}: expected finite results, found others: it does not fit the precision")
        away = np.abs(found[name].astype(np.float64) - reference)
        largest, root = np.abs(reference).max(), np.sqrt(np.mean(np.square(reference, dtype=np.float64)))
        tiny = np.finfo(np.float32).tiny  # a reference of zeros: any difference is then far beyond every limit
        worst = max(worst, float(away.max() / max(largest, tiny)))
        mean = max(mean, float(np.sqrt(np.mean(np.square(away))) / max(root, tiny)))
    return Parity(worst, mean)
