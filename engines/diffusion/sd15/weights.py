"""A pack's weights as PyTorch knows them: for the reference and for GPUs. Needs nothing that the pack was built of."""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file

from engines.diffusion.pack import PackError
from engines.diffusion.sd15.frame_step import LiveStep, PaperStep, frame_step
from engines.diffusion.sd15.model import Sd15Model
from engines.diffusion.sd15.network import Network
from engines.diffusion.sd15.pack import FIX, WEIGHTS, read_manifest


def read_weights(folder: Path) -> tuple[Network, Sd15Model]:
    """The network of a pack, in float32.

    Raises:
        PackError: the weights are damaged, or another model's.
    """
    model, path = read_manifest(folder).model, folder / WEIGHTS
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise PackError(path, "a file of safetensors", str(error), FIX) from error
    network = Network(model)
    wanted = {name: tuple(tensor.shape) for name, tensor in network.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    if wanted != found:
        odd = sorted(name for name in wanted | found if wanted.get(name) != found.get(name))
        raise PackError(path, "the manifest's model", f"{len(odd)} tensors that differ: {odd[:3]}", FIX)
    network.load_state_dict({name: tensor.float() for name, tensor in tensors.items()}, assign=True)
    return network.requires_grad_(False).eval(), model


def read_frame_step(folder: Path) -> LiveStep | PaperStep:
    """
    Raises:
        PackError: the weights are damaged, or another model's.
    """
    return frame_step(*read_weights(folder))
