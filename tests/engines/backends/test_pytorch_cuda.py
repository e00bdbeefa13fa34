"""PyTorch at fixed sizes agrees with PyTorch as it is: on the CPU here, and captured where there is a GPU."""

from __future__ import annotations

import copy

import numpy as np
import pytest

pytest.importorskip("torch")

import torch
from torch import Tensor, nn

from engines.backends.api import GraphError, Tensors, TensorSpec
from engines.backends.device_constants import frozen
from engines.backends.parity import Parity, compare, random_probes
from engines.backends.pytorch import TorchGraph, open_torch
from engines.backends.pytorch_cuda import StaticTorchGraph, open_torch_static

FLOAT = np.dtype(np.float32)
LIMITS = {"float32": Parity(1e-5, 1e-5), "float16": Parity(1e-2, 5e-3), "bfloat16": Parity(5e-2, 3e-2)}

needs_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU and a PyTorch built for CUDA")


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(5)
        self.first, self.last = nn.Conv2d(3, 8, 3, padding=1), nn.Conv2d(8, 3, 3, padding=1)
        self.norm, self.mix = nn.GroupNorm(2, 8), nn.Linear(8, 4)

    def forward(self, picture: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
        features = nn.functional.silu(self.norm(self.first(picture)))
        level = self.mix(features.mean((2, 3))).softmax(-1)
        return self.last(features) + light[:, :, None, None], level


def specs(batch: int) -> tuple[tuple[TensorSpec, ...], tuple[TensorSpec, ...]]:
    inputs = TensorSpec("picture", (batch, 3, 8, 8), FLOAT), TensorSpec("light", (batch, 1), FLOAT)
    outputs = TensorSpec("drawn", (batch, 3, 8, 8), FLOAT), TensorSpec("level", (batch, 4), FLOAT)
    return inputs, outputs


def both(precision: str, device: str, batch: int = 2) -> tuple[TorchGraph, StaticTorchGraph]:
    module = Small()
    fixed = open_torch_static(copy.deepcopy(module), *specs(batch), precision=precision, device=device)
    return open_torch(module, *specs(batch)), fixed


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_fixed_sizes_give_what_the_reference_gives(precision: str) -> None:
    reference, fixed = both(precision, "cpu")
    assert compare(reference, fixed, random_probes(reference.inputs)).within(LIMITS[precision])


def test_a_lower_precision_is_used_and_not_only_named() -> None:
    reference, fixed = both("bfloat16", "cpu")
    assert compare(reference, fixed, random_probes(reference.inputs)).worst > 1e-4


def test_results_are_the_caller_s_own() -> None:
    _, fixed = both("float32", "cpu")
    one, other = random_probes(fixed.inputs, count=2)
    first = fixed.run(one)["drawn"]
    kept = first.copy()
    fixed.run(other)
    np.testing.assert_array_equal(first, kept)


def test_changed_sizes_are_refused() -> None:
    _, fixed = both("float32", "cpu")
    feeds = next(random_probes(specs(3)[0]))
    with pytest.raises(GraphError, match=r"picture: expected \(2, 3, 8, 8\) float32, got \(3, 3, 8, 8\)"):
        fixed.run(feeds)


def rows(count: int) -> list[Tensors]:
    return [{name: value[0] for name, value in feeds.items()} for feeds in random_probes(specs(1)[0], count, seed=2)]


def test_rows_give_what_a_whole_batch_gives() -> None:
    _, fixed = both("float32", "cpu", batch=3)
    given = rows(3)
    together = fixed.run({name: np.stack([row[name] for row in given]) for name in given[0]})
    for place, result in enumerate(fixed.run_rows(given)):
        np.testing.assert_array_equal(result["drawn"], together["drawn"][place])


def test_fewer_rows_than_the_batch_give_what_they_give_among_others() -> None:
    _, fixed = both("float32", "cpu", batch=3)
    given = rows(3)
    whole = fixed.run_rows(given)
    [alone] = fixed.run_rows(given[1:2])
    np.testing.assert_allclose(alone["drawn"], whole[1]["drawn"], atol=1e-6)


def test_what_never_changes_is_carried_once_and_only_that() -> None:
    _, fixed = both("float32", "cpu", batch=2)
    given = rows(4)
    wanted = [fixed.run_rows([row])[0]["drawn"] for row in given]
    for row in given:
        row["light"] = frozen(row["light"])
    for order in ((0, 1), (2, 3), (1, 2), (0,)):  # constants change their rows, and rows their constants
        for place, result in zip(order, fixed.run_rows([given[place] for place in order]), strict=True):
            np.testing.assert_allclose(result["drawn"], wanted[place], atol=1e-6)
    assert len(fixed.constants) == 4


def test_more_rows_than_the_batch_and_wrong_rows_are_refused() -> None:
    _, fixed = both("float32", "cpu")
    with pytest.raises(GraphError, match="expected at most 2 rows, got 3"):
        fixed.run_rows(rows(3))
    with pytest.raises(GraphError, match=r"light: expected \(1,\) float32, got \(1,\) float64"):
        fixed.run_rows([rows(1)[0] | {"light": np.zeros(1)}])


def test_several_batch_sizes_share_the_weights() -> None:
    module = Small()
    one, two = (open_torch_static(module, *specs(batch), precision="float32", device="cpu") for batch in (1, 2))
    feeds = next(random_probes(specs(2)[0]))
    alone = one.run({name: value[:1] for name, value in feeds.items()})
    np.testing.assert_allclose(two.run(feeds)["drawn"][:1], alone["drawn"], atol=1e-6)


def test_outputs_that_are_not_as_declared_are_refused() -> None:
    inputs, outputs = specs(2)
    with pytest.raises(GraphError, match="and the module gives"):
        open_torch_static(Small(), inputs, outputs[::-1], precision="float32", device="cpu")


def test_an_unknown_precision_is_refused() -> None:
    with pytest.raises(ValueError, match="expected a precision"):
        open_torch_static(Small(), *specs(1), precision="half", device="cpu")


def test_too_little_memory_for_the_inputs_is_refused_with_the_fix() -> None:
    with pytest.raises(GraphError, match=r"the input picture cannot be allocated on cpu: .*; end what else runs"):
        open_torch_static(Small(), *specs(1 << 40), precision="float32", device="cpu")


def test_too_little_memory_for_the_weights_is_refused_with_the_fix() -> None:
    module = Small()
    module.endless = nn.Parameter(torch.zeros(1).expand(1 << 46))  # takes no memory before it is copied
    with pytest.raises(GraphError, match=r"the weights cannot be put on 'cpu': .*; end what else runs"):
        open_torch_static(module, *specs(1), precision="bfloat16", device="cpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without a GPU")
def test_without_a_gpu_the_fix_is_said() -> None:
    with pytest.raises(GraphError, match=r"expected a GPU .* or choose ONNX Runtime"):
        open_torch_static(Small(), *specs(1))


@needs_gpu
@pytest.mark.parametrize("precision", ["float32", "float16", "bfloat16"])
def test_a_captured_run_gives_what_the_reference_gives(precision: str) -> None:
    reference, captured = both(precision, "cuda")
    assert compare(reference, captured, random_probes(reference.inputs)).within(LIMITS[precision])


@needs_gpu
def test_a_captured_run_of_rows_gives_what_the_reference_gives() -> None:
    reference, captured = both("float32", "cuda", batch=3)
    given = rows(3)
    given[1]["picture"] = frozen(given[1]["picture"])
    wanted = reference.run({name: np.stack([row[name] for row in given]) for name in given[0]})
    for order in ((0, 1, 2), (1, 2, 0), (2, 1)):
        for place, result in zip(order, captured.run_rows([given[place] for place in order]), strict=True):
            np.testing.assert_allclose(result["drawn"], wanted["drawn"][place], atol=1e-4)


@needs_gpu
def test_a_compiled_step_is_captured_and_gives_what_the_reference_gives() -> None:
    module = Small()
    compiled = open_torch_static(copy.deepcopy(module), *specs(2), precision="float16", compiled=True)
    reference = open_torch(module, *specs(2))
    assert compare(reference, compiled, random_probes(reference.inputs)).within(LIMITS["float16"])


@needs_gpu
def test_results_of_captured_runs_are_the_caller_s_own() -> None:
    _, captured = both("float16", "cuda")
    probes = list(random_probes(captured.inputs, count=5))
    kept = [captured.run(probe)["drawn"] for probe in probes]
    for probe, result in zip(probes, kept, strict=True):
        np.testing.assert_array_equal(captured.run(probe)["drawn"], result)


@needs_gpu
def test_a_step_that_waits_for_the_device_cannot_be_captured() -> None:
    class Waits(Small):
        def forward(self, picture: Tensor, light: Tensor) -> tuple[Tensor, Tensor]:
            return super().forward(picture, light * float(light.sum() > 0))

    with pytest.raises(GraphError, match="cannot be captured"):
        open_torch_static(Waits(), *specs(1))
