"""Few steps of diffusion whose noise is an input. Pure functions of tensors; knows no network.

The forward process is Stable Diffusion's (scaled-linear variances, 1000 timesteps) and predictions are velocities
(v = αε − σx, arXiv 2202.00512). Sampling begins from the structure frame's latents noised part-way, as SDEdit does
(arXiv 2108.01073), and follows LCM (arXiv 2310.04378): to the clean latents, and back with noise to the next timestep.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

from torch import Tensor

from engines.diffusion.architecture import Sampling

TIMESTEPS = 1000
BETA_FIRST, BETA_LAST = 0.00085, 0.012  # Stable Diffusion's

Velocity = Callable[[Tensor, int], Tensor]  # noised latents, timestep → v


@dataclass(frozen=True, slots=True)
class Level:
    """A noise level of the forward process: x_t = alpha x_0 + sigma ε, alpha² + sigma² = 1."""

    timestep: int
    alpha: float
    sigma: float


@cache
def levels() -> tuple[Level, ...]:
    """Of all timesteps, the least noised first."""
    kept, found = 1.0, []
    for timestep in range(TIMESTEPS):
        root = BETA_FIRST**0.5 + (BETA_LAST**0.5 - BETA_FIRST**0.5) * timestep / (TIMESTEPS - 1)
        kept *= 1 - root**2
        found.append(Level(timestep, math.sqrt(kept), math.sqrt(1 - kept)))
    return tuple(found)


def schedule(sampling: Sampling) -> tuple[Level, ...]:
    """The levels that the steps begin from, the noisiest first: strength of all timesteps, divided evenly."""
    first = max(sampling.steps, round(sampling.strength * TIMESTEPS))
    return tuple(levels()[first * (sampling.steps - step) // sampling.steps - 1] for step in range(sampling.steps))


def noised(latents: Tensor, noise: Tensor, level: Level) -> Tensor:
    return level.alpha * latents + level.sigma * noise


def clean(latents: Tensor, velocity: Tensor, level: Level) -> Tensor:
    """What x_0 would be, were the velocity right."""
    return level.alpha * latents - level.sigma * velocity


def sample(predict: Velocity, start: Tensor, noise: Tensor, steps: Sequence[Level]) -> Tensor:
    """Clean latents, like start (batch, 4, h, w). noise, of unit variance, is used at every step: nothing is drawn."""
    for level in steps:
        at = noised(start, noise, level)
        start = clean(at, predict(at, level.timestep), level)
    return start
