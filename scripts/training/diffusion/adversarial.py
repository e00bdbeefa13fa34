"""Stage four: the decoder learns to draw skin, teeth and stubble as crisp as the truth. All else stays as it is.

Distances of pixels alone make whatever cannot be foreseen smooth. So the amount of fine detail must be the truth's,
wherever exactly it lies, and a critic must not be able to tell drawn pictures from true ones.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from engines.diffusion.architecture import Sampling
from engines.diffusion.frame_step import shrink
from engines.diffusion.sampler import schedule
from scripts.training.diffusion.critic import Critic
from scripts.training.diffusion.few_step import draw_pictures, with_opening_targets
from scripts.training.diffusion.losses import picture_loss, texture_loss
from scripts.training.diffusion.objective import Objective, StageInputs

SEED = 44
TEXTURE, FALSE, SEEN = 3.0, 0.01, 0.05  # weights beside the distance of pixels
HEAD_START = 60  # steps in which the critic learns alone


def objective(given: StageInputs) -> Objective:
    network, plan = given.network, schedule(Sampling(1, given.strength))
    critic = Critic.begin(given.device)

    def losses(step: int) -> dict[str, Tensor]:
        draw = np.random.default_rng([SEED, step])
        batch = given.mouths.batch(given.schedule.batch, draw).to(given.device)
        torch.manual_seed(SEED * 1_000_000 + step)
        batch, lam = with_opening_targets(batch, draw)
        weight = shrink(batch.mask)
        with given.schedule.arithmetic(given.device.type):
            picture = draw_pictures(network, batch, lam, plan)
            critic.learn(picture, batch.target, batch.structure, weight)
            false, seen = critic.judge(picture, batch.target, batch.structure, weight)
        heard = 0.0 if step < HEAD_START else 1.0
        return {
            "picture": picture_loss(picture, batch),
            "texture": TEXTURE * texture_loss(picture, batch),
            "false": heard * FALSE * false,
            "seen": heard * SEEN * seen,
        }

    return Objective(losses, critic.parts())
