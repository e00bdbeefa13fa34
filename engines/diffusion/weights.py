"""The embedded model's weights as PyTorch knows them: for the reference, for training and for export."""

from __future__ import annotations

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engines.backends.pytorch import TorchGraph, open_torch
from engines.diffusion.frame_step import Encode, FrameStep
from engines.diffusion.pack import WEIGHTS, PackError, encode_specs, frame_step_specs, read_manifest


def save_weights(frame_step: FrameStep, path: Path) -> None:
    """In half precision. Rounds the module's own weights to it too, so that every graph made of them agrees."""
    with torch.no_grad():
        for tensor in frame_step.state_dict().values():
            tensor.copy_(tensor.half())
    # Copies: safetensors refuses views and writes memory as it lies, whatever the strides say.
    halves = {name: tensor.half().contiguous().clone() for name, tensor in frame_step.state_dict().items()}
    save_file(halves, path)


def load_weights(frame_step: FrameStep, path: Path) -> None:
    """
    Raises:
        PackError: the file is damaged, or its tensors are another model's.
    """
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise PackError(path, "a file of safetensors", str(error)) from error
    wanted = {name: tuple(tensor.shape) for name, tensor in frame_step.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        odd = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        raise PackError(
            path, "the manifest's model", f"{len(odd)} tensors missing, strange or of another shape: {odd[:3]}"
        )
    frame_step.load_state_dict({name: tensor.float() for name, tensor in tensors.items()})


def reference(folder: Path, batch: int) -> tuple[TorchGraph, TorchGraph]:
    """A pack's frame step and encode graphs on PyTorch.

    Raises:
        PackError: the pack cannot be used.
    """
    model = read_manifest(folder).model
    frame_step = FrameStep(model)
    load_weights(frame_step, folder / WEIGHTS)
    architecture = model.architecture
    return (
        open_torch(frame_step, *frame_step_specs(architecture, batch)),
        open_torch(Encode(frame_step), *encode_specs(architecture)),
    )
