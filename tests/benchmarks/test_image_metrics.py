"""The measures of the benchmark of quality: known answers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.measuring.image_metrics import (
    cosine,
    flicker,
    jitter,
    led,
    noise,
    pearson,
    procrustes,
    psnr,
    sharpness,
    ssim,
    weighted_mean,
)

SIZE = 64
EVERYWHERE = np.ones((SIZE, SIZE), np.float32)


def picture(seed: int = 0) -> NDArray[np.uint8]:
    grain = np.random.default_rng(seed).integers(0, 256, (SIZE, SIZE, 3), np.uint8)
    soft = cv2.GaussianBlur(grain, (0, 0), 2)
    return np.asarray(cv2.normalize(soft, soft.copy(), 30, 220, cv2.NORM_MINMAX), np.uint8)


def test_a_weighted_mean_counts_what_weighs() -> None:
    values, weight = np.zeros((3, 2, 2)), np.array([[1.0, 0.5], [0, 0]])
    values[:, 0, 0] = 3
    values[:, 1] = 100
    assert weighted_mean(values, weight) == pytest.approx(2)


def test_psnr_of_a_known_difference() -> None:
    truth = np.full((SIZE, SIZE, 3), 100, np.uint8)
    drawn = truth.copy()
    drawn[:, : SIZE // 2] += 10
    assert psnr(drawn, truth, EVERYWHERE) == pytest.approx(10 * np.log10(255**2 / 50))
    right = EVERYWHERE.copy()
    right[:, : SIZE // 2] = 0
    assert psnr(drawn, truth, right) > 70


def test_ssim_falls_with_blur_and_ignores_nothing_else() -> None:
    truth = picture()
    soft = [np.asarray(cv2.GaussianBlur(truth, (0, 0), sigma), np.uint8) for sigma in (1.0, 3.0)]
    assert ssim(truth, truth, EVERYWHERE) == pytest.approx(1)
    assert 1 > ssim(soft[0], truth, EVERYWHERE) > ssim(soft[1], truth, EVERYWHERE) > 0


def test_blur_is_less_sharp() -> None:
    truth = picture()
    soft = np.asarray(cv2.GaussianBlur(truth, (0, 0), 2), np.uint8)
    assert sharpness(soft, EVERYWHERE) < 0.6 * sharpness(truth, EVERYWHERE)


def test_procrustes_ignores_place_turn_and_size() -> None:
    points = np.random.default_rng(0).normal(0, 1, (20, 2))
    turn = np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    assert procrustes(2.5 * points @ turn + 7, points) == pytest.approx(0, abs=1e-12)
    assert procrustes(points[::-1], points) > 0.1
    wider = points * [1.2, 1.0]
    assert 0.001 < procrustes(wider, points) < 0.02


def test_correlations() -> None:
    rows = np.array([0.0, 1, 2, 3, 2, 1])
    assert cosine(rows, 3 * rows) == pytest.approx(1)
    assert pearson(rows, 3 * rows + 5) == pytest.approx(1)
    assert pearson(rows, -rows) == pytest.approx(-1)


def shaken(amount: int, frames: int = 30) -> NDArray[np.uint8]:
    draw, still = np.random.default_rng(1), picture()
    return np.stack([np.roll(still, int(draw.integers(-amount, amount + 1)), axis=1) for _ in range(frames)])


def test_noise_is_motion_that_was_not_wanted() -> None:
    shaking, still = shaken(2), np.stack([picture()] * 30)
    assert noise(still, still, EVERYWHERE) < 1e-6
    assert noise(shaking, shaking, EVERYWHERE) < 0.02
    assert noise(shaking, still, EVERYWHERE) > noise(shaken(1), still, EVERYWHERE) > 0.5


def test_flicker_is_the_change_of_what_should_stand_still() -> None:
    held = np.stack([picture()] * 6).astype(np.int16)
    assert flicker(held.astype(np.uint8), EVERYWHERE) == 0
    held[1::2] += 4
    assert flicker(held.astype(np.uint8), EVERYWHERE) == pytest.approx(4)


def test_jitter_is_acceleration_that_was_not_wanted() -> None:
    wanted = np.zeros((10, 20, 2))
    wanted[:, :, 0] = np.arange(10)[:, None] ** 2
    assert jitter(wanted + 3, wanted) == 0
    found = wanted.copy()
    found[::2, :, 1] += 0.5
    assert jitter(found, wanted) == pytest.approx(1)


def test_lips_that_are_led_open_and_close_sooner_and_hold_where_they_are_held() -> None:
    opening = np.array([2.0, 2.0, 6.0, 10.0, 10.0, 10.0, 10.0, 10.0, 4.0, 2.0])
    found = led(opening, list(opening / 40))
    assert (found[[0, 1, 9]] == 2).all()  # of a mouth that is as closed as it gets there is nothing to lead
    assert (found[[2, 3]] > opening[[2, 3]]).all()
    assert found[8] < opening[8]
    assert found[7] == pytest.approx(10, rel=0.02)
