"""What is drawn too smooth gets the structure frame's grain, and nothing else changes."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("diffusers")

from engines.diffusion.autoencoder import with_grain  # noqa: E402

SIDE = 32


def grainy(seed: int, size: float) -> Any:
    return size * torch.randn((2, 3, SIDE, SIDE), generator=torch.Generator().manual_seed(seed))


def slope() -> Any:
    return torch.linspace(-0.5, 0.5, SIDE).expand(2, 3, SIDE, SIDE).contiguous()


def test_a_smooth_picture_gets_the_grain() -> None:
    grain = grainy(1, 0.1)
    found = with_grain(slope(), slope() + grain) - slope()
    fine = grain - torch.nn.functional.avg_pool2d(grain, 5, 1, 2, count_include_pad=False)
    torch.testing.assert_close(found[..., 4:-4, 4:-4], fine[..., 4:-4, 4:-4], atol=0.03, rtol=0)


def test_a_picture_with_grain_enough_stays_bit_for_bit() -> None:
    picture = slope() + grainy(2, 0.2)
    assert torch.equal(with_grain(picture, slope() + grainy(3, 0.05)), picture)


def test_a_smooth_structure_frame_gives_nothing() -> None:
    torch.testing.assert_close(with_grain(slope(), torch.zeros(2, 3, SIDE, SIDE)), slope(), atol=0, rtol=0)
