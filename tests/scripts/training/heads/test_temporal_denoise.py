"""Averaging a loop over time."""

from __future__ import annotations

import numpy as np

from scripts.training.heads.temporal_denoise import movement, temporal_denoise


def test_a_still_loop_stays_as_it_is() -> None:
    frames = [np.full((4, 4, 3), 77, np.uint8)] * 9
    assert all((frame == 77).all() for frame in temporal_denoise(frames, np.zeros((4, 4)), np.zeros(9)))


def test_flicker_is_lessened_round_the_loop() -> None:
    frames = [np.full((2, 2, 3), 100 + 20 * (index % 2), np.uint8) for index in range(8)]
    values = [int(frame[0, 0, 0]) for frame in temporal_denoise(frames, np.zeros((2, 2)), np.zeros(8))]
    assert max(values) - min(values) <= 1


def test_what_moves_fast_is_spared_where_it_is() -> None:
    frames = [np.full((1, 2, 3), 200 if index == 4 else 0, np.uint8) for index in range(9)]
    moving = np.zeros(9)
    moving[4] = 1
    shown = temporal_denoise(frames, np.array([[1.0, 0.0]]), moving)[4]
    assert shown[0, 0, 0] == 200
    assert shown[0, 1, 0] == 75


def test_movement_is_seen_two_frames_around_a_step() -> None:
    values = np.zeros((12, 1))
    values[6:11] = 1.0
    moving = movement(values, threshold=0.5)
    assert moving[[4, 5, 6, 7]].tolist() == [1, 1, 1, 1]
    assert moving[2] == 0
