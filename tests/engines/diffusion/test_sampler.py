"""Few steps of diffusion: the forward process, and that nothing is drawn."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from engines.diffusion.architecture import Sampling  # noqa: E402  (they need torch)
from engines.diffusion.sampler import Level, clean, levels, noised, sample, schedule  # noqa: E402

X0, NOISE = torch.randn(2, 3, 4, 5, 5, generator=torch.Generator().manual_seed(1))


def velocity(level: Level) -> Any:
    """The true one."""
    return level.alpha * NOISE - level.sigma * X0


def test_variance_is_kept_at_every_level() -> None:
    assert all(level.alpha**2 + level.sigma**2 == pytest.approx(1) for level in levels())


def test_the_process_is_stable_diffusions() -> None:
    assert levels()[999].alpha ** 2 == pytest.approx(0.00466, abs=1e-5)
    assert levels()[0].alpha ** 2 == pytest.approx(1 - 0.00085)


@pytest.mark.parametrize("timestep", [0, 149, 999])
def test_the_true_velocity_leads_to_the_clean_latents(timestep: int) -> None:
    level = levels()[timestep]
    torch.testing.assert_close(clean(noised(X0, NOISE, level), velocity(level), level), X0, atol=1e-4, rtol=0)


@pytest.mark.parametrize("steps", [1, 2, 8])
def test_the_schedule_divides_the_strength(steps: int) -> None:
    found = [level.timestep for level in schedule(Sampling(steps, 0.4))]
    assert found[0] == 399
    assert len(found) == steps
    assert found == sorted(set(found), reverse=True)


def test_a_network_that_is_right_needs_one_step_and_several_do_no_harm() -> None:
    for steps in (1, 2, 4):
        plan = schedule(Sampling(steps, 0.3))
        found = sample(lambda _, timestep: velocity(levels()[timestep]), X0, NOISE, plan)
        torch.testing.assert_close(found, X0, atol=1e-4, rtol=0)


def test_each_step_is_shown_its_own_timestep_and_latents() -> None:
    seen = []

    def predict(latents: Any, timestep: int) -> Any:
        seen.append((timestep, latents))
        return torch.zeros_like(latents)

    plan = schedule(Sampling(2, 0.2))
    sample(predict, X0, NOISE, plan)
    assert [timestep for timestep, _ in seen] == [199, 99]
    torch.testing.assert_close(seen[0][1], noised(X0, NOISE, plan[0]))
    torch.testing.assert_close(seen[1][1], noised(plan[0].alpha * seen[0][1], NOISE, plan[1]))


@pytest.mark.parametrize(("steps", "strength"), [(0, 0.5), (1, 0.0), (1, 1.1)])
def test_impossible_settings_are_refused(steps: int, strength: float) -> None:
    with pytest.raises(ValueError, match="expected a step or more and a strength"):
        Sampling(steps, strength)
