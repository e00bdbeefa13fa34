"""Losses on pictures whose error is known, and the levels that the denoiser is shown."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")
pytest.importorskip("diffusers", reason="training needs diffusers: pip install -e .[train]")

from engines.diffusion.sampler import TIMESTEPS, levels  # noqa: E402
from scripts.training.diffusion.critic import Network, weighed  # noqa: E402
from scripts.training.diffusion.dataset import Batch  # noqa: E402
from scripts.training.diffusion.denoiser import FAR, FIRST, random_levels  # noqa: E402
from scripts.training.diffusion.losses import ELSEWHERE, detail, latent_loss, picture_loss, psnr, weights  # noqa: E402
from scripts.training.diffusion.train import STAGES, StageFolders, run_stage  # noqa: E402

SIZE = 32


@pytest.fixture
def batch() -> Batch:
    """Two grey pictures; the mask is the middle, in it a quarter lips and a quarter inside."""
    grey = torch.zeros(2, 3, SIZE, SIZE)
    mask, regions = torch.zeros(2, 1, SIZE, SIZE), torch.zeros(2, 3, SIZE, SIZE)
    mask[..., 8:24, 8:24] = 1
    regions[:, 0, 8:16, 8:16] = 1
    regions[:, 2, 16:24, 16:24] = 1
    return Batch(grey, grey, grey, mask, regions, torch.zeros(2, 20, 2), torch.ones(2))


def test_weights_are_of_mean_one_and_greatest_inside_the_mouth(batch: Batch) -> None:
    found = weights(batch)
    torch.testing.assert_close(found.mean(dim=(1, 2, 3)), torch.ones(2))
    skin, lips, inside, outside = (found[0, 0, row, column] for row, column in ((8, 20), (10, 10), (20, 20), (0, 0)))
    assert inside > lips > skin > outside > 0
    assert float(skin / outside) == pytest.approx((1 + ELSEWHERE) / ELSEWHERE)


def test_an_even_error_costs_its_size(batch: Batch) -> None:
    assert float(picture_loss(batch.target + 0.1, batch)) == pytest.approx(0.1)
    assert float(picture_loss(batch.target, batch)) == 0.0


def test_an_edge_costs_more_than_an_even_error_of_its_size(batch: Batch) -> None:
    stripes = batch.target.clone()
    stripes[..., ::2] += 0.1
    assert float(picture_loss(stripes, batch)) > 0.1


@pytest.mark.parametrize(("error", "decibels"), [(0.2, 20.0), (0.02, 40.0)])
def test_psnr_of_a_known_error(batch: Batch, error: float, decibels: float) -> None:
    found = psnr(batch.target + error, batch)
    torch.testing.assert_close(found, torch.full((2,), decibels), atol=0.01, rtol=0)


def test_psnr_looks_inside_the_mask_alone(batch: Batch) -> None:
    wrong = batch.target.clone()
    wrong[..., 0, :] = 1
    assert float(psnr(wrong, batch).min()) > 100


def test_flat_pictures_have_no_detail_and_grain_has(batch: Batch) -> None:
    grain = 0.2 * torch.randn(batch.target.shape, generator=torch.Generator().manual_seed(1))
    assert float(detail(batch.target).max()) < 1e-6
    assert float(detail(grain).mean()) > 0.05
    torch.testing.assert_close(detail(2 * grain), 2 * detail(grain))


def test_latents_count_within_the_mask_above_all() -> None:
    wanted, mask = torch.zeros(1, 4, 8, 8), torch.zeros(1, 1, 8, 8)
    mask[..., 2:6, 2:6] = 1
    inside, outside = wanted.clone(), wanted.clone()
    inside[..., 3, 3], outside[..., 0, 0] = 1, 1
    ratio = float(latent_loss(inside, wanted, mask) / latent_loss(outside, wanted, mask))
    assert ratio == pytest.approx((1 + ELSEWHERE) / ELSEWHERE)
    assert float(latent_loss(wanted + 1, wanted, mask)) == pytest.approx(1.0)


def test_a_weighed_mean_is_by_weight_over_all_channels() -> None:
    values = torch.tensor([[[[1.0, 3.0]], [[5.0, 7.0]]]])
    assert float(weighed(values, torch.tensor([[[[1.0, 0.0]]]]))) == 3.0
    assert float(weighed(values, torch.ones(1, 1, 1, 2))) == 4.0


def test_a_critic_judges_squares_of_eight_pixels() -> None:
    verdict, seen = Network()(torch.zeros(2, 3, SIZE, SIZE), torch.zeros(2, 3, SIZE, SIZE))
    assert verdict.shape == (2, 1, SIZE // 8, SIZE // 8)
    assert [layer.shape[2] for layer in seen] == [SIZE // 2, SIZE // 4, SIZE // 8]


class Sampled:
    """What random_levels asks of a network: where sampling begins."""

    def __init__(self, timestep: int) -> None:
        self.steps = (replace(levels()[timestep]),)


def test_levels_are_those_of_sampling_noisier_and_later_ones() -> None:
    first = 150
    network: Any = Sampled(first)
    timesteps, alpha, sigma, way = random_levels(network, np.random.default_rng(0), 2000, torch.device("cpu"))
    at_first, far = (timesteps == first).float().mean(), (timesteps > first).float().mean()
    assert float(at_first) == pytest.approx(FIRST, abs=0.05)
    assert float(far) == pytest.approx(FAR, abs=0.05)
    assert int(timesteps.max()) < TIMESTEPS
    torch.testing.assert_close(alpha.square() + sigma.square(), torch.ones_like(alpha))
    assert float(way[timesteps >= first].min()) == 1.0
    assert float(way[timesteps < first].max()) <= 1.0
    assert alpha.shape == (2000, 1, 1, 1)


def test_stages_follow_each_other_and_train_what_they_name() -> None:
    names = list(STAGES)
    assert [stage.after for stage in STAGES.values()] == [None, *names[:-1]]
    assert STAGES["adversarial"].parts == ("decoder",)
    assert all(stage.rate > 0 and stage.steps > 0 for stage in STAGES.values())


def test_a_stage_whose_forerunner_is_missing_is_refused(tmp_path: Any) -> None:
    from scripts.training.diffusion.run import TrainingSchedule
    from tests.engines.diffusion.miniature import MODEL
    from tests.scripts.training.diffusion.drawn_mouths import write_mouths

    mouths = write_mouths(tmp_path / "mouths", {"train": 4, "val": 4})
    folders = StageFolders(mouths, tmp_path / "out", torch.device("cpu"))
    with pytest.raises((FileNotFoundError, ValueError), match=r"run the stage autoencoder first|expected mouths of"):
        run_stage(STAGES["denoiser"], MODEL, TrainingSchedule(1, 2, 1e-3), folders)
