"""How far a picture is from the truth, where it counts. Knows no network."""

from __future__ import annotations

import torch
from torch import Tensor

from engines.diffusion.autoencoder import AROUND, fine_part, mean_around
from scripts.training.diffusion.dataset import Batch

ELSEWHERE = 0.05  # weight outside the mask: nothing of it is shown, but edges should not be cliffs
LIPS, INSIDE = 1.0, 2.0  # more weight than skin's
SLOPE = 1.0  # weight of differences of neighbours against that of pixels: lips' and teeth's edges


def weights(batch: Batch) -> Tensor:
    """(n, 1, S, S), of mean 1 over each picture."""
    lips, inside = batch.regions[:, :1], batch.regions[:, 2:]
    weight = batch.mask * (1 + LIPS * lips + INSIDE * inside) + ELSEWHERE
    return weight / weight.mean(dim=(1, 2, 3), keepdim=True)


def picture_loss(picture: Tensor, batch: Batch) -> Tensor:
    """picture (n, 3, S, S) in [-1, 1], about."""
    weight, error = weights(batch), picture.float() - batch.target
    pixels = (weight * error.abs()).mean()
    across = (weight[..., 1:] * error.diff(dim=3).abs()).mean()
    down = (weight[..., 1:, :] * error.diff(dim=2).abs()).mean()
    return pixels + SLOPE * (across + down)


def texture_loss(picture: Tensor, batch: Batch) -> Tensor:
    """How far the amount of fine detail around each pixel is from the truth's. picture (n, 3, S, S) about [-1, 1]."""
    return (weights(batch) * (detail(picture.float()) - detail(batch.target)).abs()).mean()


def detail(picture: Tensor) -> Tensor:
    """(n, 3, S, S): mean size of a picture's fine part around each pixel."""
    return mean_around(fine_part(picture).abs(), AROUND)


def latent_loss(found: Tensor, wanted: Tensor, mask: Tensor) -> Tensor:
    """Mean square in latents (n, 4, h, w), within the mask (n, 1, h, w) above all."""
    weight = mask + ELSEWHERE
    return (weight * (found.float() - wanted).square()).mean() / weight.mean()


def psnr(picture: Tensor, batch: Batch) -> Tensor:
    """Decibels of each picture (n, 3, S, S) in [-1, 1], the mask as weight: (n,)."""
    squares = (((picture - batch.target) / 2).square() * batch.mask).sum(dim=(1, 2, 3))
    return -10 * torch.log10(squares / (3 * batch.mask.sum(dim=(1, 2, 3))) + 1e-12)
