"""A pack's frame step on PyTorch, captured as a CUDA graph: for GPUs without TensorRT. Knows both kinds of packs."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from engines.backends.api import Graph, Specs
from engines.backends.onnxruntime import open_onnx
from engines.backends.parity import LIMITS, expect_parity, random_probes
from engines.backends.pytorch_cuda import open_torch_static
from engines.backends.registry import OpenGraph
from engines.diffusion.frame_step import FrameStep
from engines.diffusion.pack import WEIGHTS, frame_step_specs, read_manifest
from engines.diffusion.sd15 import model as sd15
from engines.diffusion.sd15 import pack as sd15_pack
from engines.diffusion.sd15.weights import read_frame_step
from engines.diffusion.weights import load_weights

PROBES = 2  # random feeds by which a row is compared


def open_captured(folder: Path, device: str = "cuda", precision: str = "float16") -> OpenGraph:
    """Opens the pack's frame step for any batch size: its weights are read once, and shared.

    One row of the embedded model is compared with ONNX Runtime; of Stable Diffusion that would take the processor
    minutes.

    Raises:
        PackError: the pack cannot be used.
    """
    module, compared = _module(folder), not sd15_pack.is_sd15(folder)

    def open_graph(path: Path, batch: int, threads: int) -> Graph:
        graph = open_torch_static(module, *_specs(folder, batch), precision=precision, device=device)
        if compared and batch == 1:
            reference = open_onnx(path, batch, threads)
            expect_parity(reference, graph, random_probes(reference.inputs, PROBES), LIMITS[precision])
        return graph

    return open_graph


def _module(folder: Path) -> nn.Module:
    if sd15_pack.is_sd15(folder):
        return read_frame_step(folder)
    frame_step = FrameStep(read_manifest(folder).model)
    load_weights(frame_step, folder / WEIGHTS)
    return frame_step


def _specs(folder: Path, batch: int) -> tuple[Specs, Specs]:
    if sd15_pack.is_sd15(folder):
        return sd15.frame_step_specs(sd15_pack.read_manifest(folder).model, batch)
    return frame_step_specs(read_manifest(folder).model.architecture, batch)
