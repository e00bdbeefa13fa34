"""How points that are seen move over a loop, and where the eyes are quick."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.camera import Camera, frame_face
from scripts.training.heads.figure import Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.idle import SHUT
from scripts.training.heads.model import OUTER_EYE_CORNERS
from scripts.training.heads.motion_vectors import eye_region, motion_vectors

pytestmark = pytest.mark.slow  # of a figure, which takes some seconds, once

SWAY = [FramePose(yaw=yaw) for yaw in (0.0, 0.5, -0.5)]


@pytest.fixture(scope="module")
def camera(figure: Figure) -> Camera:
    model = figure.model
    return frame_face(model.neutral[model.landmarks68[list(OUTER_EYE_CORNERS)]], 110.0, 126.0, 212.0)


def test_points_that_are_seen_lie_in_the_picture_and_move_by_the_sway(figure: Figure, camera: Camera) -> None:
    moved = motion_vectors(figure, camera, SWAY)
    assert moved.shape[0] == 3
    assert moved.shape[1] > 1000
    assert moved[0].min() >= 0
    assert moved[0].max() <= 512
    step = np.linalg.norm(moved[1] - moved[0], axis=1)
    assert 0.3 < step.max() < 4.0  # half a degree of a head some 200 pixels wide


def test_yaw_to_the_left_moves_the_nose_to_the_right_of_the_picture(figure: Figure, camera: Camera) -> None:
    moved = motion_vectors(figure, camera, SWAY)
    nose = camera.project(figure.model.neutral[figure.model.landmarks68[30]])
    near = np.linalg.norm(moved[0] - nose, axis=1) < 8
    assert near.any()
    assert (moved[1, near, 0] > moved[0, near, 0]).all()
    assert (moved[2, near, 0] < moved[0, near, 0]).all()


def test_blinks_are_not_motion_that_pictures_are_carried_along(figure: Figure, camera: Camera) -> None:
    blink = FramePose(expression={"eyeBlink_L": SHUT, "eyeBlink_R": SHUT})
    moved = motion_vectors(figure, camera, [FramePose(), blink])
    np.testing.assert_array_equal(moved[0], moved[1])


def test_the_eyes_region_covers_the_lids_and_not_the_mouth(figure: Figure, camera: Camera) -> None:
    region = eye_region(figure, camera, SWAY)
    assert region.shape == (512, 512)
    marks = camera.project(figure.model.neutral[figure.model.landmarks68])
    for column, row in marks[36:48].astype(int):
        assert region[row, column] > 0.9
    for column, row in marks[48:60].astype(int):
        assert region[row, column] == 0.0
