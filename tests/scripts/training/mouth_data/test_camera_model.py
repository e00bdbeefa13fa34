"""A camera's faults."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from scripts.training.mouth_data.camera_model import Camera, random_camera, simulate_camera

PLAIN = Camera(32, 1.0, 0.3, np.ones(3), 1.0, 1.0, 0.0, 0.0, 0)
GREY = np.full((64, 64, 3), 0.18, np.float32)


def test_middle_grey_comes_out_as_srgb_says() -> None:
    picture = simulate_camera(PLAIN, GREY, np.random.default_rng(0))
    assert picture.shape == (32, 32, 3)
    assert picture.dtype == np.uint8
    assert abs(int(picture[16, 16, 0]) - 118) <= 1


def test_the_same_draw_takes_the_same_picture_and_another_only_other_noise() -> None:
    noisy = replace(PLAIN, shot_noise=3.0, read_noise=2.0, quality=80)
    first, again, other = (simulate_camera(noisy, GREY, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()
    assert abs(first.mean() - other.mean()) < 1


def test_a_warm_gain_warms_the_picture() -> None:
    picture = simulate_camera(replace(PLAIN, gains=np.array([1.2, 1.0, 0.8])), GREY, np.random.default_rng(0))
    red, green, blue = picture[16, 16].astype(int)
    assert red > green > blue


def test_random_cameras_keep_to_the_sizes() -> None:
    sizes = [random_camera(np.random.default_rng(seed), (100, 200)).size for seed in range(50)]
    assert min(sizes) >= 100
    assert max(sizes) < 200
