"""Stage three: the few steps as they will be run, end to end, judged by the picture. The encoder stays as it is.

UNet, IP-Adapter and decoder learn together what one step (now and then two) from the noised structure frame must give.
Some structure frames have their lips scaled, and λ says by how much: so the Structure Controller's lead is learnt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.architecture import Sampling
from engines.diffusion.frame_step import FrameStep, hide, shrink
from engines.diffusion.sampler import Level, schedule
from engines.diffusion.structure_controller import HIGHEST, LOWEST
from scripts.training.diffusion.dataset import Batch, MouthDataset
from scripts.training.diffusion.lip_opening_targets import gain, scaled
from scripts.training.diffusion.losses import picture_loss, psnr
from scripts.training.diffusion.objective import Objective, StageInputs

SEED = 33
TWICE = 0.15  # share of the training steps that sample in two steps
LED = 0.3  # share of samples whose structure frame has its lips scaled, and is led back
ALIKE = 0.1  # share where truth and structure frame both are: scaling alone must not give the answer away
FACTORS = (0.65, 1.5)  # of the opening


def objective(given: StageInputs) -> Objective:
    plans = [schedule(Sampling(steps, given.strength)) for steps in (1, 2)]

    def losses(step: int) -> dict[str, Tensor]:
        draw = np.random.default_rng([SEED, step])
        batch = given.mouths.batch(given.schedule.batch, draw).to(given.device)
        torch.manual_seed(SEED * 1_000_000 + step)
        batch, lam = with_opening_targets(batch, draw)
        plan = plans[int(draw.random() < TWICE)]
        with given.schedule.arithmetic(given.device.type):
            picture = draw_pictures(given.network, batch, lam, plan)
        return {"picture": picture_loss(picture, batch)}

    return Objective(losses)


def with_opening_targets(batch: Batch, draw: np.random.Generator, share: float = LED) -> tuple[Batch, Tensor]:
    """The batch with the lips of some structure frames scaled, and λ (n, 1): 1 for the others.

    share: of the samples that are led back.
    """
    count, device = len(batch.target), batch.target.device
    kind = draw.random(count)
    low, high = np.log(FACTORS)
    drawn = np.where(kind < share + ALIKE, np.exp(draw.uniform(low, high, count)), 1.0)
    factor = torch.from_numpy(drawn.astype(np.float32)).to(device)
    led = torch.from_numpy(kind < share).to(device)
    # Beyond what LipGain gives there is nothing to learn; such a sample stays as it was.
    lam = gain(batch, factor)
    usual = (lam[:, 0] >= LOWEST) & (lam[:, 0] <= HIGHEST)
    factor = torch.where(led & ~usual, torch.ones_like(factor), factor)
    lam = torch.where((led & usual)[:, None], lam, torch.ones_like(lam))
    target = scaled(batch.target, batch, torch.where(led, torch.ones_like(factor), factor))
    numbers = batch.mask, batch.regions, batch.landmarks, batch.interocular
    return Batch(batch.reference, scaled(batch.structure, batch, factor), target, *numbers), lam


def draw_pictures(network: FrameStep, batch: Batch, lam: Tensor, plan: Sequence[Level]) -> Tensor:
    """What the frame step draws, in [-1, 1] and not clipped: gradients must pass."""
    with torch.no_grad():
        masked = network.encoder(hide(batch.target, batch.mask))[0]
        anchor = network.image_encoder(batch.reference)
    noise = torch.randn_like(masked)
    return network.draw(batch.structure, masked, shrink(batch.mask), anchor, lam, noise, plan)


def judge(network: FrameStep, mouths: MouthDataset, device: torch.device) -> str:
    """Decibels of unseen people's pictures, and of their structure frames."""
    torch.manual_seed(SEED)
    found, bare = [], []
    with torch.inference_mode():
        for batch in mouths.in_order(32):
            batch = batch.to(device)
            picture = draw_pictures(network, batch, torch.ones(len(batch.target), 1, device=device), network.steps)
            found.append(psnr(picture.clamp(-1, 1), batch))
            bare.append(psnr(batch.structure, batch))
    gained = torch.cat(found) - torch.cat(bare)
    return (
        f"unseen {torch.cat(found).mean():.2f} dB, bare structure frames {torch.cat(bare).mean():.2f}, "
        f"better in {(gained > 0).float().mean():.0%}"
    )
