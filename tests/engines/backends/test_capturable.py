"""What a CUDA graph cannot record is found without a GPU: copies from ordinary memory, and looking at values.

The step runs on PyTorch's "meta" device, whose tensors have no values. Whatever looks at one fails by itself; whatever
is made in ordinary memory shows as an operation elsewhere.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("diffusers")

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.measuring.full_size import MINIATURE, live_step, model_of, network_of
from engines.backends.api import TensorSpec
from engines.diffusion.frame_step import FrameStep
from engines.diffusion.pack import frame_step_specs
from engines.diffusion.sd15.frame_step import frame_step
from engines.diffusion.sd15.model import PAPER, PLAIN, PLUS
from engines.diffusion.sd15.model import frame_step_specs as sd15_specs
from engines.diffusion.sd15.network import Network
from tests.engines.diffusion.miniature import MODEL


class NotCapturable(Exception):
    """The operation that a CUDA graph could not record."""


class OnDevice(TorchDispatchMode):
    """Refuses tensors outside the device."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        tensors = [each for each in torch.utils._pytree.tree_leaves((args, result)) if isinstance(each, Tensor)]
        if any(each.device.type != "meta" for each in tensors):
            raise NotCapturable(str(func))
        return result


class Carried(TorchFunctionMode):
    """Refuses what is made of Python's numbers and then copied to the device."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in (torch.tensor, torch.as_tensor, torch.asarray, torch.from_numpy):
            raise NotCapturable(str(func))
        return func(*args, **(kwargs or {}))


def record(step: nn.Module, specs: tuple[TensorSpec, ...], kind: torch.dtype = torch.float16) -> None:
    """In half precision too, types that do not fit one another are refused."""
    step = step.to("meta", kind).eval()
    given = [torch.empty(spec.shape, device="meta", dtype=kind) for spec in specs]
    with torch.no_grad(), Carried(), OnDevice():
        step(*given)


@pytest.mark.parametrize("batch", [1, 2])
def test_the_embedded_frame_step_can_be_captured(batch: int) -> None:
    record(FrameStep(MODEL), frame_step_specs(MODEL.architecture, batch)[0])


@pytest.mark.parametrize("steps", [1, 2])
def test_stable_diffusion_s_live_step_can_be_captured(steps: int) -> None:
    model = model_of(MINIATURE, 32, steps)
    record(live_step(network_of(model, "meta"), model), sd15_specs(model, 2)[0])


@pytest.mark.parametrize(("adapter", "guidance"), [(PLUS, 7.5), (PLAIN, 1.0)])
def test_stable_diffusion_s_paper_step_can_be_captured(adapter: str, guidance: float) -> None:
    live = model_of(MINIATURE, 32, 3, adapter)
    model = dataclasses.replace(live, mode=PAPER, strength=1.0, guidance=guidance)
    record(frame_step(Network(model), model), sd15_specs(model, 2)[0])


class Careless(nn.Module):
    def __init__(self, how: str) -> None:
        super().__init__()
        self.how = how

    def forward(self, x: Tensor) -> Tensor:
        if self.how == "constant":
            return x * torch.tensor(2.0, device=x.device)
        if self.how == "elsewhere":
            return x + torch.ones(())
        return x if bool(x.sum() > 0) else -x


@pytest.mark.parametrize("how", ["constant", "elsewhere", "value"])
def test_what_cannot_be_recorded_is_found(how: str) -> None:
    with pytest.raises((NotCapturable, RuntimeError)):
        record(Careless(how), (TensorSpec("x", (2, 2), np.dtype(np.float32)),))
