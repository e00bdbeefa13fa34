"""Samplers against the schedulers that people know, on a network that bends what it is given."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
diffusers = pytest.importorskip("diffusers")

from engines.diffusion.sampler import levels, noised, sample  # noqa: E402  (they need torch)
from engines.diffusion.sd15.solvers import as_velocity, few_steps, solve, solver_levels  # noqa: E402

# diffusers' schedulers convert tensors in a way that numpy is going to end.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

MIX = torch.randn(4, 4, generator=torch.Generator().manual_seed(0))
SCHEDULE = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}


def predict(latents: Any, timestep: int) -> Any:
    return torch.tanh(torch.einsum("ij,bjhw->bihw", MIX, latents) + timestep / 1000)


def latents(seed: int) -> Any:
    return torch.randn(2, 4, 4, 4, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("steps", [1, 2, 3, 10, 20])
def test_dpm_solver_is_that_of_diffusers(steps: int) -> None:
    scheduler = diffusers.DPMSolverMultistepScheduler(**SCHEDULE)
    scheduler.set_timesteps(steps)
    assert [level.timestep for level in solver_levels(steps)] == scheduler.timesteps.tolist()
    noise = at = latents(1)
    for timestep in scheduler.timesteps:
        at = scheduler.step(predict(at, int(timestep)), timestep, at).prev_sample
    torch.testing.assert_close(solve(predict, noise, solver_levels(steps)), at, rtol=1e-4, atol=1e-4)


def test_dpm_solver_draws_nothing() -> None:
    assert torch.equal(solve(predict, latents(1), solver_levels(5)), solve(predict, latents(1), solver_levels(5)))


@pytest.mark.parametrize("strength", [0.3, 0.5, 1.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 4])
def test_few_steps_are_at_lcm_s_timesteps(steps: int, strength: float) -> None:
    scheduler = diffusers.LCMScheduler(**SCHEDULE)
    scheduler.set_timesteps(steps, strength=strength)
    assert [level.timestep for level in few_steps(steps, strength)] == scheduler.timesteps.tolist()


def test_few_steps_are_lcm_s_with_the_noise_that_is_given() -> None:
    """Its scheduler draws fresh noise at every step; with one step there is none to draw."""
    scheduler = diffusers.LCMScheduler(**SCHEDULE)
    scheduler.set_timesteps(1, strength=0.5)
    (level,) = few_steps(1, 0.5)
    start, noise = latents(2), latents(3)
    at = noised(start, noise, level)
    wanted = scheduler.step(predict(at, level.timestep), scheduler.timesteps[0], at).prev_sample
    found = sample(as_velocity(predict), start, noise, (level,))
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_more_steps_than_the_grid_has_places_are_refused() -> None:
    with pytest.raises(ValueError, match=r"strength of 0\.08 or more for 4 steps"):
        few_steps(4, 0.05)


def test_a_perfect_prediction_of_noise_gives_the_clean_latents_back() -> None:
    clean, noise = latents(4), latents(5)
    for timestep in (19, 499, 979):
        level = levels()[timestep]
        found = sample(as_velocity(lambda at, timestep: noise), clean, noise, (level,))
        torch.testing.assert_close(found, clean, rtol=1e-3, atol=1e-3)
