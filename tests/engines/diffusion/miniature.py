"""A pack as small as they come, with random weights, written by the code that writes the real one."""

from __future__ import annotations

from pathlib import Path

import pytest

from engines.backends.parity import random_probes
from engines.diffusion.architecture import Architecture, Model, Sampling
from engines.diffusion.pack import frame_step_specs

MODEL = Model(
    Architecture(
        size=32,
        autoencoder=(16, 16),
        patch=8,
        token=16,
        depth=1,
        lip_tokens=2,
        context=16,
        unet=(16, 16),
        head=8,
    ),
    Sampling(steps=2, strength=0.2),
)


def write_miniature(folder: Path, model: Model = MODEL) -> Path:
    """The folder of the pack. Skips the test where torch, diffusers or onnx are not installed."""
    for needed in ("torch", "diffusers", "onnx"):
        pytest.importorskip(needed)
    import torch

    from engines.diffusion.frame_step import FrameStep
    from scripts.training.diffusion.export import PackIdentity, write_pack

    torch.manual_seed(7)
    frame_step = FrameStep(model)
    with torch.no_grad():  # trained networks begin where they change nothing; this one must not
        for parameter in frame_step.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    words = PackIdentity("miniature", "0", "# A miniature with random weights, for tests\n")
    inputs, _ = frame_step_specs(model.architecture, 1)
    write_pack(folder, frame_step, model, words, lambda _encode: random_probes(inputs, 8))
    return folder
