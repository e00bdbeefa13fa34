"""Networks read from miniature weights, and feeds for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from engines.backends.api import TensorSpec
from engines.diffusion.sd15.build.choice import Choice, Wish, choose
from engines.diffusion.sd15.build.pack_builder import Settings
from engines.diffusion.sd15.build.read import read_network
from engines.diffusion.sd15.build.sources import find
from engines.diffusion.sd15.model import FACEID_PLUS, Sd15Model
from engines.diffusion.sd15.network import Network
from tests.engines.diffusion.sd15.weights import FACE

SIZE = 64


def choice_of(folder: Path, mode: str, kind: str) -> Choice:
    return choose(find([str(folder)]), Wish(mode, adapter=kind))


def network_of(folder: Path, mode: str, kind: str, **settings: Any) -> tuple[Network, Sd15Model]:
    choice = choice_of(folder, mode, kind)
    values = Settings(mode, SIZE, **settings).values(kind)
    return read_network(choice, values, face() if kind == FACEID_PLUS else None, lambda line: None)


def face() -> torch.Tensor:
    """(1, FACE), of length 1."""
    return torch.nn.functional.normalize(torch.randn(1, FACE, generator=torch.Generator().manual_seed(5)))


def drawn(specs: tuple[TensorSpec, ...], seed: int = 0) -> dict[str, torch.Tensor]:
    """Numbers in the ranges that inputs have."""
    draw = torch.Generator().manual_seed(seed)
    feeds = {spec.name: torch.randn(spec.shape, generator=draw) for spec in specs}
    ranges = {"structure": (-1.0, 1.0), "crop": (-1.0, 1.0), "lam": (0.7, 1.4), "scale": (0.3, 1.0)}
    for name, (low, high) in ranges.items():
        if name in feeds:
            feeds[name] = low + (high - low) * torch.rand(feeds[name].shape, generator=draw)
    for name in {"mask"} & feeds.keys():
        feeds[name] = (feeds[name] > 0).float()
    return feeds
