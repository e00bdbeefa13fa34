"""Identity outside the mask: nothing changes there, and a change would be found."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from benchmarks.measuring.mask_leakage import largest_change_outside
from engines.api import Frame, Step
from engines.face.avatar import FaceAvatar, load_avatar
from engines.loader import load_engine
from engines.warp.engine import WarpEngine
from tests.engines.face import tiny_avatar


@pytest.fixture
def avatar(tmp_path: Path) -> FaceAvatar:
    tiny_avatar.save(tmp_path / "tiny")
    return load_avatar(tmp_path / "tiny")


class Smudged(WarpEngine):
    """Draws as its like, and changes a pixel in the corner by two levels."""

    def step(self, steps: Sequence[Step]) -> list[Frame]:
        frames = super().step(steps)
        for frame in frames:
            frame.rgb[0, 0] ^= 2
        return frames


def test_nothing_changes_outside_the_mask(avatar: FaceAvatar) -> None:
    engine = load_engine("warp", 2)
    assert largest_change_outside(engine, avatar) == 0


def test_a_pixel_that_changes_is_found(avatar: FaceAvatar) -> None:
    assert largest_change_outside(Smudged(load_engine("warp", 2)._lip_encoder), avatar) == 2  # type: ignore[attr-defined]
