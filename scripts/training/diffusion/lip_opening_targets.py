"""Pictures whose lips are a little less or more open than they were: for teaching what the Structure Controller asks.

Paired with the truth of the lips as they were, and λ as their ratio, they teach the network to move lips by λ.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from engines.diffusion.structure_controller import EPSILON
from scripts.training.diffusion.dataset import Batch

CORNERS = (12, 16)  # of the twenty landmarks: the inner contour's left and right end
UPPER, LOWER = (13, 14, 15), (19, 18, 17)
FADE = 0.22  # crop units above and below the lips within which the change dies away
REACH = 1.25  # half widths of the mouth within which it dies away sideways


def lip_opening(batch: Batch) -> Tensor:
    """Mean height of the inner contour, crop units: (n,), 0 or more."""
    points = batch.landmarks[..., 1]
    return (points[:, list(LOWER)].mean(dim=1) - points[:, list(UPPER)].mean(dim=1)).clamp_min(0)


def gain(batch: Batch, factor: Tensor) -> Tensor:
    """λ (n, 1) that leads from lips scaled by factor (n,) back to the batch's, as LipGain would give it."""
    heights = lip_opening(batch) / batch.interocular
    return ((heights + EPSILON) / (factor * heights + EPSILON))[:, None]


def scaled(pictures: Tensor, batch: Batch, factor: Tensor) -> Tensor:
    """pictures (n, 3, S, S) of the batch's lips, their opening times factor (n,): chin and lips move along."""
    size = pictures.shape[2]
    positions = (torch.arange(size, device=pictures.device) + 0.5) / size
    across = positions.view(1, 1, size).expand(len(pictures), size, size)
    down = positions.view(1, size, 1).expand(len(pictures), size, size)
    source = down + _shift(batch, factor, across, down)
    grid = torch.stack([across, source], dim=3) * 2 - 1
    return F.grid_sample(pictures, grid, padding_mode="border", align_corners=False)


def _shift(batch: Batch, factor: Tensor, across: Tensor, down: Tensor) -> Tensor:
    """How far below each place (n, S, S) its source lies: stretched within the opening, moved beyond, fading out."""
    left, right = (batch.landmarks[:, corner, 0].view(-1, 1, 1) for corner in CORNERS)
    middle = batch.landmarks[:, [*UPPER, *LOWER], 1].mean(dim=1).view(-1, 1, 1)
    half, factor = lip_opening(batch).view(-1, 1, 1) / 2, factor.view(-1, 1, 1)
    away = down - middle
    most = (half * (1 - factor)).abs()
    stretch = (away.abs() * (1 / factor - 1)).minimum(most).maximum(-most)
    fade = (1 - (away.abs() - factor * half).clamp_min(0) / FADE).clamp(0, 1)
    beside = (across - (left + right) / 2) / (REACH * (right - left) / 2).clamp_min(1e-3)
    sideways = (1 - beside.square()).clamp_min(0)
    return away.sign() * stretch * fade * fade * (3 - 2 * fade) * sideways
