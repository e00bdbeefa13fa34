"""Stage two: UNet and IP-Adapter together, in latents. Knows no decoder.

Between the truth (timestep 0) and the structure frame noised part-way, where sampling begins, the network learns the
velocity that leads to the truth. So a step from the beginning, and later steps from what earlier ones left to do, are
all seen in training. Two things make it read the lip tokens: timesteps so noisy that nothing else tells of lips, and
structure frames whose lips are scaled, with λ by how much. The autoencoder stays as it is.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.frame_step import FrameStep, hide, shrink
from engines.diffusion.sampler import TIMESTEPS, levels
from scripts.training.diffusion.dataset import Batch
from scripts.training.diffusion.few_step import with_opening_targets
from scripts.training.diffusion.losses import latent_loss
from scripts.training.diffusion.objective import Objective, StageInputs
from scripts.training.diffusion.run import TrainingSchedule

SEED = 22
FIRST, FAR = 0.6, 0.2  # shares of samples at the timestep where sampling begins, and at noisier ones
LED = 0.3  # share of samples that are led by λ
DROPPED = 0.05  # share of samples without lip tokens


def encode(network: FrameStep, batch: Batch, schedule: TrainingSchedule) -> tuple[Tensor, ...]:
    """Latents (n, 4, h, w) of the truth, of the structure frame, and of the picture without its mouth."""
    pictures = torch.cat([batch.target, batch.structure, hide(batch.target, batch.mask)])
    with torch.no_grad(), schedule.arithmetic(pictures.device.type):
        target, structure, masked = network.encoder(pictures)[0].float().chunk(3)
    return target, structure, masked


def objective(given: StageInputs) -> Objective:
    network, schedule, device = given.network, given.schedule, given.device

    def losses(step: int) -> dict[str, Tensor]:
        draw = np.random.default_rng([SEED, step])
        batch, lam = with_opening_targets(given.mouths.batch(schedule.batch, draw).to(device), draw, LED)
        target, structure, masked = encode(network, batch, schedule)
        mask = shrink(batch.mask)
        torch.manual_seed(SEED * 1_000_000 + step)
        timestep, alpha, sigma, way = random_levels(network, draw, schedule.batch, device)
        at = alpha * (target + way * (structure - target)) + sigma * torch.randn_like(target)
        kept = torch.from_numpy(draw.random((schedule.batch, 1, 1)) >= DROPPED).float().to(device)
        with schedule.arithmetic(device.type):
            with torch.no_grad():
                anchor = network.image_encoder(batch.reference)
            velocity = network.velocity(at, mask, masked, timestep, kept * network.read(batch.structure, anchor, lam))
        return {"latents": latent_loss(alpha * at - sigma * velocity.float(), target, mask)}

    return Objective(losses)


def random_levels(
    network: FrameStep, draw: np.random.Generator, count: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Timesteps (n,), their alpha and sigma, and how much of the way from truth to structure frame is left, of 4 axes.

    At the first timestep of sampling and at noisier ones it is all of the way; at others, some of what is left there.
    """
    first, kind = network.steps[0].timestep, draw.random(count)
    near, far = draw.integers(0, first + 1, count), draw.integers(first, TIMESTEPS, count)
    timesteps = np.where(kind < FIRST, first, np.where(kind < FIRST + FAR, far, near))
    way = np.where(timesteps >= first, 1.0, draw.random(count) * timesteps / max(first, 1))
    chosen = [levels()[timestep] for timestep in timesteps]
    columns = ([level.alpha for level in chosen], [level.sigma for level in chosen], way)
    alpha, sigma, left = (torch.tensor(np.array(column), dtype=torch.float32, device=device) for column in columns)
    return torch.from_numpy(timesteps).to(device), *(column.view(-1, 1, 1, 1) for column in (alpha, sigma, left))
