"""Stage one: the autoencoder. Truth through four channels and back, beside the structure frame. Knows no diffusion."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.frame_step import FrameStep
from scripts.training.diffusion.dataset import Batch, MouthDataset
from scripts.training.diffusion.losses import picture_loss, psnr
from scripts.training.diffusion.objective import Objective, StageInputs

SEED = 11  # with the step, of every draw of this stage
NOISE = 0.15  # deviation added to latents of unit deviation: neighbours in latent space must be neighbours to look at
TIDINESS = 0.05  # weight of the latents' being of mean 0 and deviation 1
MEASURED = 512  # samples from which mean and deviation are taken at the end


def objective(given: StageInputs) -> Objective:
    def losses(step: int) -> dict[str, Tensor]:
        batch = given.mouths.batch(given.schedule.batch, np.random.default_rng([SEED, step])).to(given.device)
        torch.manual_seed(SEED * 1_000_000 + step)
        with given.schedule.arithmetic(given.device.type):
            latents, picture = reconstruct(given.network, batch, NOISE)
        latents = latents.float()
        off = latents.mean(dim=(0, 2, 3)).square().mean() + (latents.std(dim=(0, 2, 3)) - 1).square().mean()
        return {"picture": picture_loss(picture, batch), "latents": TIDINESS * off}

    return Objective(losses)


def reconstruct(network: FrameStep, batch: Batch, noise: float) -> tuple[Tensor, Tensor]:
    """The truth's latents, and what the decoder makes of them with noise of that deviation."""
    both, (fine, coarse) = network.encoder(torch.cat([batch.target, batch.structure]))
    count = len(batch.target)
    latents = both[:count]
    features = fine[count:], coarse[count:]
    return latents, network.decoder(latents + noise * torch.randn_like(latents), features, batch.structure)


def judge(network: FrameStep, mouths: MouthDataset, device: torch.device) -> str:
    """Decibels of pictures that the network has not been trained on."""
    found, bare = [], []
    with torch.inference_mode():
        for batch in mouths.in_order(32):
            batch = batch.to(device)
            found.append(psnr(reconstruct(network, batch, 0.0)[1].clamp(-1, 1), batch))
            bare.append(psnr(batch.structure, batch))
    return f"unseen {torch.cat(found).mean():.2f} dB, bare structure frames {torch.cat(bare).mean():.2f}"


def measure(network: FrameStep, mouths: MouthDataset, device: torch.device) -> None:
    """Fill in mean and deviation of the latents, so that the diffusion's are of mean 0 and deviation 1."""
    rows = np.random.default_rng(SEED).permutation(len(mouths))[:MEASURED]
    parts = np.array_split(np.sort(rows), max(1, len(rows) // 32))
    with torch.inference_mode():
        latents = torch.cat([network.encoder(mouths.pick(part).to(device).target)[0] for part in parts])
    centre, spread = latents.mean(dim=(0, 2, 3)).view(1, -1, 1, 1), latents.std(dim=(0, 2, 3)).view(1, -1, 1, 1)
    with torch.no_grad():
        for side in (network.encoder, network.decoder):
            # What is measured is already scaled by what was there.
            side.centre.add_(centre * side.spread)
            side.spread.mul_(spread)
