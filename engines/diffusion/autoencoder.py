"""The tiny autoencoder: pictures to latents an eighth of their size, and back beside the structure frame.

The decoder sees the structure frame's features at every level and says, pixel by pixel, how much of that frame stays
below what it draws: what the avatar's own skin already shows need not pass through four channels. Convolutions and ReLU
only.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engines.diffusion.architecture import LATENT_CHANNELS, Architecture

Features = tuple[Tensor, Tensor, Tensor]  # at a half, a quarter and an eighth of the picture's size


class Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.normal_(self.second.weight, std=0.01)  # starts near the identity: there is no normalisation

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


class Encoder(nn.Module):
    """Pictures (batch, 3, size, size) in [-1, 1] → latents (batch, 4, size/8, size/8) of about unit variance."""

    centre: Tensor
    spread: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        half, quarter, eighth = architecture.autoencoder
        self.fine = nn.Sequential(nn.PixelUnshuffle(2), nn.Conv2d(12, half, 3, padding=1), nn.ReLU(), Block(half))
        self.middle = nn.Sequential(nn.Conv2d(half, quarter, 3, 2, padding=1), nn.ReLU(), Block(quarter))
        self.coarse = nn.Sequential(nn.Conv2d(quarter, eighth, 3, 2, padding=1), nn.ReLU(), Block(eighth))
        self.latents = nn.Conv2d(eighth, LATENT_CHANNELS, 3, padding=1)
        # Of each channel over the training set; training fills them in at its end.
        self.register_buffer("centre", torch.zeros(1, LATENT_CHANNELS, 1, 1))
        self.register_buffer("spread", torch.ones(1, LATENT_CHANNELS, 1, 1))

    def forward(self, picture: Tensor) -> tuple[Tensor, Features]:
        half = self.fine(picture)
        quarter = self.middle(half)
        eighth = self.coarse(quarter)
        return (self.latents(eighth) - self.centre) / self.spread, (half, quarter, eighth)


class Decoder(nn.Module):
    """Latents, and the features and picture of the structure frame → picture (batch, 3, size, size) about [-1, 1]."""

    centre: Tensor
    spread: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        half, quarter, eighth = architecture.autoencoder
        self.latents = nn.Conv2d(LATENT_CHANNELS, eighth, 3, padding=1)
        self.coarse = nn.Sequential(nn.ReLU(), Block(eighth), nn.Conv2d(eighth, 4 * quarter, 1), nn.PixelShuffle(2))
        self.beside_coarse = nn.Conv2d(eighth, eighth, 1)
        self.middle = nn.Sequential(nn.ReLU(), Block(quarter), nn.Conv2d(quarter, 4 * half, 1), nn.PixelShuffle(2))
        self.beside_middle = nn.Conv2d(quarter, quarter, 1)
        last = nn.Conv2d(half, 16, 3, padding=1)
        self.fine = nn.Sequential(nn.ReLU(), Block(half), last, nn.PixelShuffle(2))
        self.beside_fine = nn.Conv2d(half, half, 1)
        # Begins as the structure frame, with next to nothing over it.
        nn.init.normal_(last.weight, std=0.01)
        nn.init.zeros_(last.bias[:12])
        nn.init.constant_(last.bias[12:], 4.0)
        self.register_buffer("centre", torch.zeros(1, LATENT_CHANNELS, 1, 1))
        self.register_buffer("spread", torch.ones(1, LATENT_CHANNELS, 1, 1))

    def forward(self, latents: Tensor, features: Features, structure: Tensor) -> Tensor:
        half, quarter, eighth = features
        x = self.coarse(self.latents(latents * self.spread + self.centre) + self.beside_coarse(eighth))
        x = self.middle(x + self.beside_middle(quarter))
        drawn = self.fine(x + self.beside_fine(half))  # (batch, 4, size, size): RGB, and how much shows below it
        return torch.sigmoid(drawn[:, 3:]) * structure + drawn[:, :3]
