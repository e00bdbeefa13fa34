"""Graphs on PyTorch, eager: the reference that other runtimes must agree with. Knows nothing of what they compute."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from engines.backends.api import Tensors, TensorSpec, check_feeds


@dataclass(frozen=True, slots=True, eq=False)
class TorchGraph:
    """A module whose forward takes the inputs and gives the outputs in this order."""

    module: nn.Module
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        with torch.inference_mode():
            given = self.module(*(torch.from_numpy(feeds[spec.name]) for spec in self.inputs))
        results = given if isinstance(given, tuple) else (given,)
        return {spec.name: result.numpy() for spec, result in zip(self.outputs, results, strict=True)}


def open_torch(module: nn.Module, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...]) -> TorchGraph:
    """The module on the CPU, in evaluation mode. Takes it over: it must not be trained on."""
    return TorchGraph(module.eval().requires_grad_(False), inputs, outputs)
