"""What training shows the network: mirrored mouths, scaled lips and the λ that leads back, where losses look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="training needs torch: pip install -e .[train]")
pytest.importorskip("diffusers", reason="training needs diffusers: pip install -e .[train]")

from engines.diffusion.structure_controller import HIGHEST, LOWEST, LipGain  # noqa: E402
from scripts.training.diffusion.critic import Critic  # noqa: E402
from scripts.training.diffusion.dataset import Batch, MouthDataset  # noqa: E402
from scripts.training.diffusion.few_step import with_opening_targets  # noqa: E402
from scripts.training.diffusion.lip_opening_targets import gain, lip_opening, scaled  # noqa: E402
from scripts.training.diffusion.losses import picture_loss, psnr, texture_loss  # noqa: E402
from tests.scripts.training.diffusion.drawn_mouths import SIZE, write_mouths  # noqa: E402

COUNT = 12


@pytest.fixture(scope="module")
def mouths(tmp_path_factory: pytest.TempPathFactory) -> MouthDataset:
    return MouthDataset(write_mouths(tmp_path_factory.mktemp("mouths"), {"train": COUNT}), "train")


@pytest.fixture
def batch(mouths: MouthDataset) -> Batch:
    return mouths.pick(slice(None))


def dark(pictures: Any) -> Any:
    """Height of the opening in the middle column, crop units: (n,)."""
    column = pictures[..., SIZE // 2]
    skin = column[:, :, :1].mean(dim=1)
    depth = (skin - column.mean(dim=1)) / (skin - column.mean(dim=1).amin(dim=1, keepdim=True))
    return depth.sum(dim=1) / SIZE


def test_pictures_are_read_in_their_ranges(batch: Batch) -> None:
    assert batch.target.shape == batch.structure.shape == (COUNT, 3, SIZE, SIZE)
    assert batch.target.min() >= -1
    assert batch.target.max() <= 1
    assert batch.mask.unique().tolist() == [0, 1]
    assert psnr(batch.structure, batch).min() > 5


def test_a_mirrored_sample_is_mirrored_in_everything(mouths: MouthDataset) -> None:
    rows = np.arange(COUNT)
    plain, mirrored = mouths.pick(rows), mouths.pick(rows, np.ones(COUNT, np.bool_))
    for name in ("reference", "structure", "target", "mask", "regions"):
        assert torch.equal(getattr(mirrored, name), getattr(plain, name).flip(3))
    # The drawn lips are symmetrical: left stays left.
    torch.testing.assert_close(mirrored.landmarks, plain.landmarks, atol=1e-6, rtol=0)


def test_only_what_is_to_be_flipped_is(mouths: MouthDataset) -> None:
    flags = np.arange(COUNT) % 2 == 1
    some, plain = mouths.pick(np.arange(COUNT), flags), mouths.pick(np.arange(COUNT))
    assert torch.equal(some.target[::2], plain.target[::2])
    assert torch.equal(some.target[1::2], plain.target[1::2].flip(3))


@pytest.mark.parametrize("factor", [0.65, 1.3])
def test_scaled_lips_open_by_the_factor(batch: Batch, factor: float) -> None:
    wide = lip_opening(batch) > 0.12
    before, after = (dark(scaled(batch.structure, batch, torch.full((COUNT,), value)))[wide] for value in (1.0, factor))
    torch.testing.assert_close(after / before, torch.full_like(before, factor), atol=0.12, rtol=0)


def test_a_factor_of_one_changes_nothing(batch: Batch) -> None:
    same = scaled(batch.structure, batch, torch.ones(COUNT))
    torch.testing.assert_close(same, batch.structure, atol=1e-4, rtol=0)


def test_scaling_stays_near_the_mouth(batch: Batch) -> None:
    other = scaled(batch.target, batch, torch.full((COUNT,), 1.5))
    assert torch.equal(other[..., 0], batch.target[..., 0])
    torch.testing.assert_close(other[:, :, 0], batch.target[:, :, 0], atol=1e-4, rtol=0)


def test_the_gain_is_what_the_stream_would_give(batch: Batch) -> None:
    """But for smoothing: LipGain sees lips go from the scaled opening to the true one, and stay long enough."""
    factor = torch.full((COUNT,), 0.8)
    for height, lam in zip(lip_opening(batch) / batch.interocular, gain(batch, factor)[:, 0], strict=True):
        stream, product = LipGain(), 1.0
        for value in [0.8 * float(height)] + [float(height)] * 30:
            product *= stream.step(value)
        assert product == pytest.approx(float(lam), rel=1e-3)


def test_lessons_lead_within_the_bounds_of_the_gain(batch: Batch) -> None:
    taught, lam = with_opening_targets(batch, np.random.default_rng(5))
    led = lam[:, 0] != 1
    assert led.any()
    assert not led.all()
    assert LOWEST <= lam.min() <= lam.max() <= HIGHEST
    assert torch.equal(taught.target[led], batch.target[led]) or torch.allclose(
        taught.target[led], batch.target[led], atol=1e-4
    )
    ratio = dark(batch.structure)[led] / dark(taught.structure)[led]
    assert (((ratio > 1) == (lam[led, 0] > 1)) | (lip_opening(batch)[led] < 0.08)).all()


def test_the_loss_looks_where_the_mouth_is_drawn(batch: Batch) -> None:
    inside, outside = batch.target.clone(), batch.target.clone()
    inside[:, :, SIZE // 2, SIZE // 2] += 0.5
    outside[:, :, 0, 0] += 0.5
    assert picture_loss(batch.target, batch) == 0
    assert picture_loss(inside, batch) > 5 * picture_loss(outside, batch) > 0


def test_texture_is_judged_by_its_amount_and_not_by_its_place(batch: Batch) -> None:
    """A blurred picture is nearer in pixels than one whose grain lies elsewhere, and further in texture."""
    grain = 0.2 * torch.randn(batch.target.shape, generator=torch.Generator().manual_seed(1))
    grainy = Batch(batch.reference, batch.structure, batch.target + grain, *_numbers(batch))
    smooth, elsewhere = batch.target, batch.target + grain.roll(3, 2)
    assert picture_loss(smooth, grainy) < picture_loss(elsewhere, grainy)
    assert texture_loss(smooth, grainy) > 5 * texture_loss(elsewhere, grainy)
    assert texture_loss(grainy.target, grainy) == 0


def test_a_critic_learns_to_tell_false_pictures_from_true_ones(batch: Batch) -> None:
    torch.manual_seed(2)
    critic, mask = Critic.begin(torch.device("cpu")), torch.nn.functional.avg_pool2d(batch.mask, 8)
    false = torch.nn.functional.avg_pool2d(batch.target, 3, 1, 1)
    for _ in range(40):
        critic.learn(false, batch.target, batch.structure, mask)
    found, apart = critic.judge(false, batch.target, batch.structure, mask)
    true, nothing = critic.judge(batch.target, batch.target, batch.structure, mask)
    assert found > true + 0.5
    assert apart > 0 == nothing


def test_a_critic_asks_nothing_of_itself_while_the_model_learns(batch: Batch) -> None:
    critic, mask = Critic.begin(torch.device("cpu")), torch.nn.functional.avg_pool2d(batch.mask, 8)
    picture = batch.structure.clone().requires_grad_()
    critic.learn(picture, batch.target, batch.structure, mask)
    assert picture.grad is None
    sum(critic.judge(picture, batch.target, batch.structure, mask)).backward()
    assert picture.grad is not None
    assert all(parameter.grad is None or not parameter.requires_grad for parameter in critic.network.parameters())


def _numbers(batch: Batch) -> tuple[Any, ...]:
    return batch.mask, batch.regions, batch.landmarks, batch.interocular


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"run scripts\.training\.mouth_data\.build first"):
        MouthDataset(tmp_path, "train")
