"""Poses of a head before a camera, and crops of a picture."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba draws the mouths: install the train extra")
pytest.importorskip("scipy", reason="the region of a head needs scipy: pip install -e .[train]")

from scripts.training.heads.model import ICT_SHAPES
from scripts.training.mouth_data.photo_session import (
    PIVOT,
    HeadPose,
    crop_image,
    pose_points,
    random_head_pose,
    random_rest,
    with_sway,
)
from scripts.training.mouth_data.sample import spoken
from scripts.training.speech.random_motions import random_motion

FACE = np.array([(0.0, 3.0, 10.0), (4.0, -2.0, 8.0)])


def test_the_face_turns_rigidly_about_the_neck() -> None:
    posed = pose_points(FACE, HeadPose(yaw=20.0, pitch=5.0, roll=-3.0))
    assert np.linalg.norm(posed[0] - posed[1]) == pytest.approx(np.linalg.norm(FACE[0] - FACE[1]))
    for before, after in zip(FACE, posed, strict=True):
        assert np.linalg.norm(after - PIVOT) == pytest.approx(np.linalg.norm(before - PIVOT))


def test_a_shift_moves_the_face_and_not_the_shoulders() -> None:
    moved = pose_points(np.array([(0.0, 3.0, 10.0), (8.0, -17.0, 3.0)]), HeadPose(x=0.5, y=-0.25))
    np.testing.assert_allclose(moved[0], (0.5, 2.75, 10.0))
    np.testing.assert_allclose(moved[1], (8.0, -17.0, 3.0))


def test_an_upright_head_stays_where_it_is() -> None:
    points = np.random.default_rng(0).uniform(-12, 12, (50, 3))
    np.testing.assert_allclose(pose_points(points, HeadPose()), points, atol=1e-9)


def test_heads_turn_at_most_25_degrees_and_mostly_look_ahead() -> None:
    poses = [random_head_pose(np.random.default_rng(seed)) for seed in range(200)]
    yaw = np.array([pose.yaw for pose in poses])
    assert np.abs(yaw).max() <= 25
    assert (np.abs(yaw) < 12).mean() > 0.5
    assert max(abs(pose.pitch) for pose in poses) <= 12


def test_sway_is_small() -> None:
    pose = HeadPose(10.0, -2.0, 1.0, 0.1, 0.2)
    swayed = [with_sway(pose, np.random.default_rng(seed)) for seed in range(100)]
    yaw = np.array([other.yaw - pose.yaw for other in swayed])
    assert abs(yaw.mean()) < 0.4
    assert 0.8 < yaw.std() < 1.6
    assert max(abs(other.x - pose.x) for other in swayed) < 0.4


def test_mouths_at_rest_are_expressions_of_the_model_and_nearly_symmetric() -> None:
    known = {
        *ICT_SHAPES,
        *(shape for shapes in ICT_SHAPES.values() for shape in shapes),
        "mouthFrown_L",
        "mouthFrown_R",
    }
    for seed in range(50):
        rest = random_rest(np.random.default_rng(seed))
        assert set(rest) <= known
        assert all(0 <= value <= 0.4 for value in rest.values())
        assert rest["mouthSmile_R"] == pytest.approx(rest["mouthSmile_L"], rel=0.25)


def test_a_motion_is_added_to_the_mouth_at_rest() -> None:
    motion = random_motion(np.random.default_rng(0))
    expression = spoken({"jawOpen": 0.1, "mouthFrown_L": 0.2}, motion)
    assert expression["jawOpen"] == pytest.approx(0.1 + float(motion.coefficients[0]), abs=1e-6)
    assert expression["mouthFrown_L"] == 0.2


def test_a_crop_of_whole_pixels_is_the_picture_there() -> None:
    picture = np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8)
    crop = crop_image(picture, np.array([[16.0, 0, 10.0], [0, 16.0, 5.0]]), 16)
    assert crop.dtype == np.uint8
    np.testing.assert_array_equal(crop, picture[5:21, 10:26])


def test_a_crop_beyond_the_border_repeats_it() -> None:
    picture = np.tile(np.arange(20, dtype=np.float32)[None, :, None], (20, 1, 1))
    crop = crop_image(picture, np.array([[10.0, 0, -5.0], [0, 10.0, 5.0]]), 10)
    assert crop.reshape(10, 10)[0, :5].max() == 0.0


def test_a_smaller_crop_does_not_alias() -> None:
    stripes = np.tile((np.arange(128) % 2 * 255).astype(np.float32)[None, :, None], (128, 1, 1))
    crop = crop_image(stripes, np.array([[128.0, 0, 0.0], [0, 128.0, 0.0]]), 24)
    assert np.ptp(crop[4:-4, 4:-4]) < 60
