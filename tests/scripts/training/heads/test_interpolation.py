"""Tests of the frames between traced ones."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from scripts.training.heads.interpolation import dense_flow, interpolate, key_numbers, key_weights

SIDE = 96
FRAMES, STEP = 40, 5


def swaying(frames: int) -> NDArray[np.float32]:
    """(frames, points, 2): points all over a picture, which sway together by three pixels."""
    grid = np.stack(np.meshgrid(np.arange(2, SIDE, 4.0), np.arange(2, SIDE, 4.0)), axis=-1).reshape(-1, 2)
    turn = 2 * np.pi * np.arange(frames) / frames
    shift = np.stack([3 * np.sin(turn), 1.5 * np.cos(turn)], axis=1)
    return np.asarray(grid[None] + shift[:, None], np.float32)


def drawn(shift: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Soft stripes both ways, shifted by (x, y) pixels."""
    y, x = np.mgrid[0:SIDE, 0:SIDE].astype(np.float64)
    pattern = np.sin((x - shift[0]) / 3.0) + np.sin((y - shift[1]) / 4.0)
    return np.repeat(np.round(128 + 45 * pattern)[..., None], 3, axis=2).astype(np.uint8)


def test_keys_lie_evenly_round_the_loop() -> None:
    assert key_numbers(FRAMES, STEP) == list(range(0, FRAMES, STEP))
    gaps = np.diff([*key_numbers(203, STEP), 203])
    assert set(gaps) <= {4, 5, 6}


def test_a_loop_too_short_for_a_mean_is_all_keys() -> None:
    assert key_numbers(7, STEP) == list(range(7))


@pytest.mark.parametrize("frames", [40, 43])
def test_every_frame_is_a_whole_picture_of_its_nearest_keys(frames: int) -> None:
    keys = key_numbers(frames, STEP)
    weights = key_weights(frames, keys)
    assert np.allclose(weights.sum(axis=1), 1)
    assert all(weights[key].argmax() == index for index, key in enumerate(keys))


def test_what_moves_as_the_tracks_say_is_drawn_where_it_is() -> None:
    motion_vectors = swaying(FRAMES)
    shifts = motion_vectors[:, 0] - motion_vectors[0, 0]
    ground_truth = np.stack([drawn(shift) for shift in shifts]).astype(float)
    keys = {key: drawn(shifts[key]) for key in key_numbers(FRAMES, STEP)}

    def error(made: list[NDArray[np.uint8]]) -> float:
        inside = slice(16, SIDE - 16)  # what comes in from beyond the edge no key has
        return float(np.abs(np.stack(made) - ground_truth)[:, inside, inside].mean(axis=(1, 2, 3)).max())

    assert error(interpolate(keys, motion_vectors)) < 0.5
    assert error(interpolate(keys, np.repeat(motion_vectors[:1], FRAMES, axis=0))) > 2.0


def test_all_keys_are_left_as_they_are() -> None:
    motion_vectors = swaying(6)
    pictures = {number: drawn(np.array([number, 0.0])) for number in range(6)}
    assert all(
        np.array_equal(made, pictures[number]) for number, made in enumerate(interpolate(pictures, motion_vectors))
    )


def test_motion_spreads_beyond_an_outline_and_fades_far_from_it() -> None:
    points = np.stack(np.meshgrid(np.arange(2, 40, 4.0), np.arange(2, SIDE, 4.0)), axis=-1).reshape(-1, 2)
    motion = dense_flow(points, np.tile([0.8, -0.4], (len(points), 1)), SIDE, SIDE)
    assert motion.shape == (SIDE, SIDE, 2)
    assert np.allclose(motion[20:70, :44], [0.8, -0.4], atol=0.05)
    assert np.abs(motion[:, 84:]).max() < 0.02


def test_points_outside_the_picture_count_for_nothing() -> None:
    points = np.array([[-5.0, 3.0], [3.0, SIDE + 4.0], [50.0, 50.0]])
    motion = dense_flow(points, np.array([[9.0, 9.0], [9.0, 9.0], [0.5, 0.25]]), SIDE, SIDE)
    assert np.abs(motion).max() <= 0.55
