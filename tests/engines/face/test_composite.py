"""The mouth is laid into the loop, and outside the mask no bit changes."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.composite import Windows, blend, mask_in_window
from tests.engines.face import tiny_avatar as tiny

RNG = np.random.default_rng(5)
AVATAR = tiny.avatar()


def test_blend_is_the_weighted_mean_rounded() -> None:
    frame = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    drawn = RNG.integers(0, 256, (8, 9, 3), dtype=np.uint8)
    mask = RNG.integers(0, 256, (8, 9), dtype=np.uint8)
    below, weight = frame[4:12, 6:15].astype(int), mask[:, :, None].astype(int)
    exact = (drawn.astype(int) * weight + below * (255 - weight)) / 255
    blend(frame, drawn, mask, (6, 4))
    np.testing.assert_array_equal(frame[4:12, 6:15], np.rint(exact))


def test_outside_the_window_nothing_changes() -> None:
    frame = RNG.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    before = frame.copy()
    blend(frame, np.zeros((5, 5, 3), np.uint8), np.full((5, 5), 255, np.uint8), (10, 10))
    frame[10:15, 10:15] = before[10:15, 10:15]
    np.testing.assert_array_equal(frame, before)


@pytest.mark.parametrize("weight", [0, 1, 127, 254, 255])
def test_equal_pictures_blend_to_themselves(weight: int) -> None:
    frame = np.arange(256, dtype=np.uint8).reshape(16, 16, 1).repeat(3, axis=2)
    before = frame.copy()
    blend(frame, before, np.full((16, 16), weight, np.uint8), (0, 0))
    np.testing.assert_array_equal(frame, before)


def test_a_full_mask_takes_the_drawn_pixels_and_an_empty_one_none() -> None:
    drawn = RNG.integers(0, 256, (6, 6, 3), dtype=np.uint8)
    frame = np.zeros((6, 6, 3), np.uint8)
    blend(frame, drawn, np.zeros((6, 6), np.uint8), (0, 0))
    assert not frame.any()
    blend(frame, drawn, np.full((6, 6), 255, np.uint8), (0, 0))
    np.testing.assert_array_equal(frame, drawn)


def test_windows_hold_the_crop_of_every_frame() -> None:
    windows = Windows(AVATAR)
    for frame in range(tiny.FRAMES):
        corners = windows.to_window(AVATAR, frame) @ np.array([[0, 1, 0, 1], [0, 0, 1, 1], [1, 1, 1, 1.0]])
        assert (corners >= 0).all()
        assert (corners.T <= (windows.width, windows.height)).all()


def test_windows_stay_inside_the_picture() -> None:
    large = np.repeat(np.array([[[140, 0, -20], [0, 140, -20]]], np.float32), tiny.FRAMES, axis=0)
    windows = Windows(tiny.avatar(alignment=large))
    assert (windows.width, windows.height) == (tiny.SIZE, tiny.SIZE)
    assert windows.origin(0) == (0, 0)


def test_the_mask_follows_the_crop() -> None:
    windows = Windows(AVATAR)
    for frame in range(tiny.FRAMES):
        to_window = windows.to_window(AVATAR, frame)
        mask = mask_in_window(AVATAR.face.mask, to_window, windows.height, windows.width)
        rows, columns = np.mgrid[0 : windows.height, 0 : windows.width] + 0.5
        middle = to_window @ [0.5, 0.5, 1]
        centre = (mask * columns).sum() / mask.sum(), (mask * rows).sum() / mask.sum()
        assert centre == pytest.approx(tuple(middle), abs=0.05)
        assert mask.max() == 255
