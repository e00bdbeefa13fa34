"""The frame step: all network mathematics of one frame in one module, exported once. Knows no runtime.

From structure frame to picture as in the paper's figure: image encoder, Structure Controller, IP-Adapter, few-step
UNet, decoder. Every condition and the noise are inputs, so it is a function; rows of a batch do not mix.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.diffusion.architecture import REDUCTION, Model
from engines.diffusion.autoencoder import Decoder, Encoder
from engines.diffusion.ip_adapter import ImageEncoder, Resampler
from engines.diffusion.sampler import Level, sample, schedule
from engines.diffusion.structure_controller import refine
from engines.diffusion.unet import build_unet


class FrameStep(nn.Module):
    """Inputs and output as frame_step_specs of pack.py states them."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.steps = schedule(model.sampling)
        self.encoder = Encoder(model.architecture)
        self.image_encoder = ImageEncoder(model.architecture)
        self.resampler = Resampler(model.architecture)
        self.unet = build_unet(model.architecture)
        self.decoder = Decoder(model.architecture)

    def forward(
        self, structure: Tensor, masked: Tensor, mask: Tensor, anchor: Tensor, lam: Tensor, noise: Tensor
    ) -> Tensor:
        """The picture (batch, 3, size, size) in [0, 1]."""
        picture = self.draw(structure, masked, mask, anchor, lam, noise, self.steps)
        return ((picture + 1) / 2).clamp(0, 1)

    def draw(
        self,
        structure: Tensor,
        masked: Tensor,
        mask: Tensor,
        anchor: Tensor,
        lam: Tensor,
        noise: Tensor,
        steps: Sequence[Level],
    ) -> Tensor:
        """The same in about [-1, 1], not clipped, by steps of one's own choice."""
        begin, features = self.encoder(structure)  # (batch, 4, h, w): the structure frame's latents
        context = self.read(structure, anchor, lam)

        def predict(latents: Tensor, timestep: int) -> Tensor:
            return self.velocity(latents, mask, masked, torch.full((), timestep, device=latents.device), context)

        latents = sample(predict, begin, noise, steps)  # (batch, 4, h, w)
        picture: Tensor = self.decoder(latents, features, structure)  # (batch, 3, size, size)
        return picture

    def read(self, structure: Tensor, anchor: Tensor, lam: Tensor) -> Tensor:
        """What the UNet attends to, (batch, 1 + lip tokens, context): the structure frame's tokens, led by λ."""
        tokens = self.image_encoder(structure)  # (batch, n, d)
        patches = refine(tokens[:, 1:], anchor[:, 1:], lam)  # the class token stays as it is
        context: Tensor = self.resampler(torch.cat([tokens[:, :1], patches], dim=1))
        return context

    def velocity(self, latents: Tensor, mask: Tensor, masked: Tensor, timestep: Tensor, context: Tensor) -> Tensor:
        """v of noised latents (batch, 4, h, w) at a timestep, () or (batch,)."""
        nine = torch.cat([latents, mask, masked], dim=1)
        velocity: Tensor = self.unet(nine, timestep, context, return_dict=False)[0]
        return velocity


class Encode(nn.Module):
    """Precomputes an avatar's constant conditioning; shares the frame step's weights."""

    def __init__(self, frame_step: FrameStep) -> None:
        super().__init__()
        self.encoder = frame_step.encoder
        self.image_encoder = frame_step.image_encoder

    def forward(self, crop: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """crop (batch, 3, size, size) in [-1, 1], mask (batch, 1, size, size) in [0, 1] → masked latents, the mask
        at the latents' size, tokens."""
        masked, _ = self.encoder(hide(crop, mask))
        return masked, shrink(mask), self.image_encoder(crop)


def hide(crop: Tensor, mask: Tensor) -> Tensor:
    """The crop, black where the mouth is drawn."""
    return (crop + 1) * (1 - mask) - 1


def shrink(mask: Tensor) -> Tensor:
    """The mask at the latents' size: means of squares."""
    return F.avg_pool2d(mask, REDUCTION)
