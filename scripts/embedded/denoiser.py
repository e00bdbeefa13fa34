"""Stage two: UNet and IP-Adapter together, in latents. Knows no decoder.

Between the truth (timestep 0) and the structure frame noised part-way, where sampling begins, the network learns the
velocity that leads to the truth. So a step from the beginning, and later steps from what earlier ones left to do, are
all seen in training. The autoencoder stays as it is; its latents are computed once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.frame_step import FrameStep, hide, shrink
from engines.diffusion.sampler import levels
from scripts.embedded.losses import latent_loss
from scripts.embedded.mouths import Batch, Mouths
from scripts.embedded.run import Pace

SEED = 22
FIRST = 0.6  # share of samples at the timestep where sampling begins
DROPPED = 0.05  # share of samples without lip tokens


@dataclass(frozen=True, slots=True, eq=False)
class Latents:
    """Of a whole split, half precision: truth, structure frame, the picture without its mouth (N, 4, h, w)."""

    target: Tensor
    structure: Tensor
    masked: Tensor


def encode_all(network: FrameStep, mouths: Mouths, pace: Pace, device: torch.device) -> Latents:
    found: dict[str, list[Tensor]] = {"target": [], "structure": [], "masked": []}
    for number, batch in enumerate(mouths.in_order(64)):
        for name, latents in encode(network, batch.to(device), pace).items():
            found[name].append(latents.half().cpu())
        if number % 40 == 0:
            print(f"latents {64 * number}/{len(mouths)}", file=sys.stderr, flush=True)
    return Latents(**{name: torch.cat(parts) for name, parts in found.items()})


def encode(network: FrameStep, batch: Batch, pace: Pace) -> dict[str, Tensor]:
    pictures = torch.cat([batch.target, batch.structure, hide(batch.target, batch.mask)])
    with torch.inference_mode(), pace.arithmetic(pictures.device.type):
        latents = network.encoder(pictures)[0].float()
    return dict(zip(("target", "structure", "masked"), latents.chunk(3), strict=True))


def losses(
    network: FrameStep, mouths: Mouths, latents: Latents, pace: Pace, device: torch.device
) -> Callable[[int], dict[str, Tensor]]:
    def at(step: int) -> dict[str, Tensor]:
        draw = np.random.default_rng([SEED, step])
        rows = draw.integers(0, len(mouths), pace.batch)
        batch = mouths.pick(rows).to(device)
        target, structure, masked = (
            kept[torch.from_numpy(rows)].float().to(device)
            for kept in (latents.target, latents.structure, latents.masked)
        )
        mask = shrink(batch.mask)
        torch.manual_seed(SEED * 1_000_000 + step)
        timestep, alpha, sigma, way = random_levels(network, draw, pace.batch, device)
        at = alpha * (target + way * (structure - target)) + sigma * torch.randn_like(target)
        kept = torch.from_numpy(draw.random((pace.batch, 1, 1)) >= DROPPED).float().to(device)
        with pace.arithmetic(device.type):
            context = kept * network.resampler(network.image_encoder(batch.structure))
            velocity = network.velocity(at, mask, masked, timestep, context)
        return {"latents": latent_loss(alpha * at - sigma * velocity.float(), target, mask)}

    return at


def random_levels(
    network: FrameStep, draw: np.random.Generator, count: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Timesteps (n,), their alpha and sigma, and how much of the way from truth to structure frame is left, of 4 axes.

    At the first timestep of sampling it is all of the way; at others, some of what is left there.
    """
    first = network.steps[0].timestep
    timesteps = np.where(draw.random(count) < FIRST, first, draw.integers(0, first + 1, count))
    way = np.where(timesteps == first, 1.0, draw.random(count) * timesteps / max(first, 1))
    chosen = [levels()[timestep] for timestep in timesteps]
    columns = ([level.alpha for level in chosen], [level.sigma for level in chosen], way)
    alpha, sigma, left = (torch.tensor(np.array(column), dtype=torch.float32, device=device) for column in columns)
    return torch.from_numpy(timesteps).to(device), *(column.view(-1, 1, 1, 1) for column in (alpha, sigma, left))
