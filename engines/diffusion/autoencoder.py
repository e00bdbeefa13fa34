"""The tiny autoencoder: pictures to latents an eighth of their size, and back beside the structure frame.

The decoder sees the structure frame's features at every level. It moves that frame's pixels to where they should be
(a jaw's edge, stretched skin) and says of each how much of it stays below what it draws: what the avatar's own skin
already shows need not pass through four channels. What is drawn too smooth then gets the structure frame's grain.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from engines.diffusion.architecture import LATENT_CHANNELS, Architecture

MOTION = 0.1  # half pictures by which a motion of 1 moves a pixel: 6.4 of 128
FOLD = 4  # pixels of a side that one place of the finest features stands for: finer ones cost most of the time
FINE, AROUND = 5, 9  # pixels: what is finer than the one is grain; how much there is of it is seen over the other
LEAST_GRAIN = 1e-3  # of a range of 2: below it there is none to speak of
Features = tuple[Tensor, Tensor]  # at a quarter and an eighth of the picture's size


class Block(nn.Module):
    """Two convolutions beside the identity."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(torch.relu(self.first(x))))


def start(module: nn.Module) -> None:
    """Weights by which signals keep their size from layer to layer: there is no normalisation to see to that."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, nonlinearity="relu")
            nn.init.zeros_(part.bias)
    for part in module.modules():
        if isinstance(part, Block):
            nn.init.normal_(part.second.weight, std=0.01)  # nearly the identity


class Encoder(nn.Module):
    """Pictures (batch, 3, size, size) in [-1, 1] → latents (batch, 4, size/8, size/8) of about unit variance."""

    centre: Tensor
    spread: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        quarter, eighth = architecture.autoencoder
        first = nn.Conv2d(3 * FOLD**2, quarter, 3, padding=1)
        self.fine = nn.Sequential(nn.PixelUnshuffle(FOLD), first, nn.ReLU(), Block(quarter))
        self.coarse = nn.Sequential(nn.Conv2d(quarter, eighth, 3, 2, padding=1), nn.ReLU(), Block(eighth))
        self.latents = nn.Conv2d(eighth, LATENT_CHANNELS, 3, padding=1)
        start(self)
        # Of each channel over the training set; training fills them in at its end.
        self.register_buffer("centre", torch.zeros(1, LATENT_CHANNELS, 1, 1))
        self.register_buffer("spread", torch.ones(1, LATENT_CHANNELS, 1, 1))

    def forward(self, picture: Tensor) -> tuple[Tensor, Features]:
        quarter = self.fine(picture)
        eighth = self.coarse(quarter)
        return (self.latents(eighth) - self.centre) / self.spread, (quarter, eighth)


class Decoder(nn.Module):
    """Latents, and the features and picture of the structure frame → picture (batch, 3, size, size) about [-1, 1]."""

    centre: Tensor
    spread: Tensor

    def __init__(self, architecture: Architecture) -> None:
        super().__init__()
        quarter, eighth = architecture.autoencoder
        self.latents = nn.Conv2d(LATENT_CHANNELS, eighth, 3, padding=1)
        self.beside_coarse = nn.Conv2d(eighth, eighth, 1)
        self.coarse = nn.Sequential(nn.ReLU(), Block(eighth), nn.Conv2d(eighth, 4 * quarter, 1), nn.PixelShuffle(2))
        self.beside_fine = nn.Conv2d(quarter, quarter, 1)
        self.fine = nn.Sequential(nn.ReLU(), Block(quarter), Block(quarter))
        self.motion = nn.Conv2d(quarter, 2, 3, padding=1)
        self.draw = nn.Conv2d(quarter, 4 * FOLD**2, 3, padding=1)
        start(self)
        # Begins as the structure frame, with little over it.
        nn.init.normal_(self.draw.weight, std=0.005)
        nn.init.normal_(self.motion.weight, std=1e-3)
        nn.init.constant_(self.draw.bias[3 * FOLD**2 :], 3.0)
        self.register_buffer("centre", torch.zeros(1, LATENT_CHANNELS, 1, 1))
        self.register_buffer("spread", torch.ones(1, LATENT_CHANNELS, 1, 1))

    def forward(self, latents: Tensor, features: Features, structure: Tensor) -> Tensor:
        quarter, eighth = features
        x = self.coarse(self.latents(latents * self.spread + self.centre) + self.beside_coarse(eighth))
        x = self.fine(x + self.beside_fine(quarter))
        below = moved(structure, MOTION * self.motion(x))
        drawn = F.pixel_shuffle(self.draw(x), FOLD)  # (batch, 4, size, size): RGB, and share of below
        return with_grain(torch.sigmoid(drawn[:, 3:]) * below + drawn[:, :3], structure)


def with_grain(picture: Tensor, structure: Tensor) -> Tensor:
    """picture with as much of the structure frame's grain (pores, stubble) as it has less of its own; (batch, 3, h, w).

    A network that is unsure of a pixel draws it smooth; the presenter's own skin is at hand.
    """
    own, grain = fine_part(picture), fine_part(structure)
    has, wants = (mean_around(fine.abs().mean(dim=1, keepdim=True), AROUND) for fine in (own, grain))
    return picture + torch.relu(1 - has / (wants + LEAST_GRAIN)) * grain


def fine_part(picture: Tensor) -> Tensor:
    """What of a picture (batch, c, h, w) is finer than FINE pixels."""
    return picture - mean_around(picture, FINE)


def mean_around(picture: Tensor, side: int) -> Tensor:
    """Over the square around each pixel; at edges over what there is of it."""
    return F.avg_pool2d(picture, side, 1, side // 2, count_include_pad=False)


def moved(picture: Tensor, motion: Tensor) -> Tensor:
    """picture (batch, 3, size, size) taken from where motion (batch, 2, h, w) says: half pictures right and down."""
    size = picture.shape[2:]
    shift = F.interpolate(motion.float(), size=size, mode="bilinear", align_corners=False).permute(0, 2, 3, 1)
    down, across = ((torch.arange(n, device=picture.device) + 0.5) * (2 / n) - 1 for n in size)
    place = torch.stack(torch.meshgrid(across, down, indexing="xy"), dim=2)
    return F.grid_sample(picture.float(), place + shift, padding_mode="border", align_corners=False)
