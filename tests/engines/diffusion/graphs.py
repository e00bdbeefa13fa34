"""Graphs written by hand, of the shapes that a pack's have, with pictures that are easy to foretell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.backends.api import GraphError, Tensors, TensorSpec, check_feeds

SIZE = 32  # pixels of the network's picture
LATENT = (4, 4, 4)
TOKENS = (5, 8)
FLOAT = np.dtype(np.float32)


@dataclass
class FakeFrameStep:
    """The structure frame, brighter by `light`, and by `grain` times the noise, each latent over its own square; red by
    `own` times what it is told of the presenter's crop, green by that of the mask, blue by that of the anchor.

    Counts its runs by batch size. broken: its runtime fails, as a GPU may.
    """

    batch: int = 1
    light: float = 0.0
    grain: float = 0.0
    own: float = 0.0
    runs: int = 0
    broken: bool = False
    fed: list[Tensors] = field(default_factory=list)

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        shapes: dict[str, tuple[int, ...]] = {
            "structure": (3, SIZE, SIZE), "masked": LATENT, "mask": (1, *LATENT[1:]), "anchor": TOKENS, "lam": (1,),
            "noise": LATENT,
        }  # fmt: skip
        return tuple(TensorSpec(name, (self.batch, *shape), FLOAT) for name, shape in shapes.items())

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        return (TensorSpec("picture", (self.batch, 3, SIZE, SIZE), FLOAT),)

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        if self.broken:
            raise GraphError("the device is gone")
        self.runs += 1
        self.fed.append(dict(feeds))
        squares = feeds["noise"][:, :1].repeat(SIZE // LATENT[1], axis=2).repeat(SIZE // LATENT[2], axis=3)
        picture = (feeds["structure"] + 1) / 2 + np.float32(self.light) + np.float32(self.grain) * squares
        for channel, name in enumerate(("masked", "mask", "anchor")):
            told = feeds[name].reshape(self.batch, -1).mean(axis=1)
            picture[:, channel] += np.float32(self.own) * told[:, None, None]
        return {"picture": np.clip(picture, 0, 1).astype(np.float32)}


@dataclass
class FakeEncode:
    """Masked latents that say how bright the crop is, tokens that are all ones, or say it too; counts the crops."""

    crops: int = 0
    bright_tokens: bool = False

    @property
    def inputs(self) -> tuple[TensorSpec, ...]:
        return TensorSpec("crop", (1, 3, SIZE, SIZE), FLOAT), TensorSpec("mask", (1, 1, SIZE, SIZE), FLOAT)

    @property
    def outputs(self) -> tuple[TensorSpec, ...]:
        shapes = {"masked": LATENT, "mask_latent": (1, *LATENT[1:]), "tokens": TOKENS}
        return tuple(TensorSpec(name, (1, *shape), FLOAT) for name, shape in shapes.items())

    def run(self, feeds: Mapping[str, NDArray[Any]]) -> Tensors:
        check_feeds(self.inputs, feeds)
        self.crops += 1
        return {
            "masked": np.full((1, *LATENT), feeds["crop"].mean(), np.float32),
            "mask_latent": np.full((1, 1, *LATENT[1:]), feeds["mask"].mean(), np.float32),
            "tokens": np.full((1, *TOKENS), feeds["crop"].mean() if self.bright_tokens else 1, np.float32),
        }
