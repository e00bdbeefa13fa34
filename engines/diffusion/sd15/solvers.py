"""Samplers for a network that predicts noise: few steps from the structure frame, or DPM-Solver++ from noise alone.

Pure functions of tensors over the levels of engines/diffusion/sampler.py; the noise is an input, nothing is drawn.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from torch import Tensor

from engines.diffusion.sampler import TIMESTEPS, Level, Velocity, levels

LCM_GRID = 20  # timesteps from one to the next of those that few-step LoRAs were distilled at: 19, 39, … 999
Noise = Callable[[Tensor, int], Tensor]  # noised latents, timestep → ε


def as_velocity(predict: Noise) -> Velocity:
    """v = (ε − σ x) / α: the same prediction in the terms of engines/diffusion/sampler.py."""

    def velocity(latents: Tensor, timestep: int) -> Tensor:
        level = levels()[timestep]
        return (predict(latents, timestep) - level.sigma * latents) / level.alpha

    return velocity


def few_steps(steps: int, strength: float) -> tuple[Level, ...]:
    """The levels of a few-step LoRA, the noisiest first: evenly spread over strength of its grid, as LCM's scheduler
    does (arXiv 2310.04378).

    Raises:
        ValueError: the grid has fewer places in that range than there are steps.
    """
    places = math.floor(TIMESTEPS // LCM_GRID * strength)
    if places < steps:
        raise ValueError(f"expected a strength of {steps * LCM_GRID / TIMESTEPS:g} or more for {steps} steps")
    grid = [(place + 1) * LCM_GRID - 1 for place in reversed(range(places))]
    return tuple(levels()[grid[step * places // steps]] for step in range(steps))


def solver_levels(steps: int) -> tuple[Level, ...]:
    """The levels of DPM-Solver++, the noisiest first, evenly spread from the last timestep towards the first."""
    spread = [round(place * (TIMESTEPS - 1) / steps) for place in range(steps, 0, -1)]
    return tuple(levels()[timestep] for timestep in spread)


def solve(predict: Noise, noise: Tensor, steps: Sequence[Level]) -> Tensor:
    """Clean latents by DPM-Solver++ (arXiv 2211.01095), second order, multistep, midpoint.

    noise (rows, 4, h, w) of unit variance is where it begins. The first and the last step are of first order.
    """
    at, before, half_log_before = noise, None, 0.0
    for here, there in zip(steps, (*steps[1:], None), strict=True):
        clean = (at - here.sigma * predict(at, here.timestep)) / here.alpha
        if there is None:  # to no noise at all: what is clean now
            return clean
        half_log, onward = _half_log(here), _half_log(there) - _half_log(here)
        slope = 0.0 if before is None else onward / (2 * (half_log - half_log_before))
        guess = clean if before is None else (1 + slope) * clean - slope * before
        at = (there.sigma / here.sigma) * at - there.alpha * math.expm1(-onward) * guess
        before, half_log_before = clean, half_log
    raise ValueError("expected one step or more, got none")


def _half_log(level: Level) -> float:
    """λ: half the logarithm of the signal-to-noise ratio."""
    return math.log(level.alpha / level.sigma)
