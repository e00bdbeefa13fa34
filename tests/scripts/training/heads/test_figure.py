"""A whole figure: what moves with what, and what of it is never drawn."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.camera import transform
from scripts.training.heads.figure import LID_THICKNESS, Figure
from scripts.training.heads.frame_pose import FramePose
from scripts.training.heads.idle import SHUT
from scripts.training.heads.model import OUTER_LIP

pytestmark = pytest.mark.slow  # the figure takes some seconds, once

TURNED = FramePose(yaw=15.0, pitch=-5.0, roll=3.0)


def test_every_part_is_placed_and_finite(figure: Figure) -> None:
    pose = figure.pose(FramePose())
    assert set(pose.bound) == {"brows", "beard"}
    assert set(pose.inside) == {"upper_teeth", "lower_teeth", "flesh"}
    assert set(pose.wearables) == set(figure.wearables)
    assert pose.skin.shape == figure.rest.shape
    assert pose.hair is not None
    for points in (pose.skin, *pose.eyes, pose.hair, pose.lashes, *pose.bound.values(), *pose.inside.values()):
        assert np.isfinite(points).all()


def test_a_pose_is_a_function_of_the_instant_alone(figure: Figure) -> None:
    first = figure.pose(TURNED)
    figure.pose(FramePose(breath=1.0, expression={"jawOpen": 0.7}))
    again = figure.pose(TURNED)
    np.testing.assert_array_equal(first.skin, again.skin)
    np.testing.assert_array_equal(first.lashes, again.lashes)


def test_the_face_turns_rigidly_and_the_shoulders_stay(figure: Figure) -> None:
    points = np.array([(0.0, 3.0, 10.0), (4.0, -2.0, 8.0), (8.0, -17.0, 3.0)])
    placed = figure.place(points, TURNED)
    np.testing.assert_allclose(placed[:2], transform(figure.head_pose(TURNED), points[:2]))
    np.testing.assert_allclose(placed[2], figure.place(points[2:], FramePose())[0], atol=1e-9)


def test_a_breath_lifts_the_shoulders_more_than_the_head(figure: Figure) -> None:
    points = np.array([(0.0, 5.0, 9.0), (9.0, -17.0, 3.0)])
    lift = figure.place(points, FramePose(breath=1.0)) - figure.place(points, FramePose())
    assert 0 < lift[0, 1] < lift[1, 1] < 0.3


def test_the_head_carries_what_is_asked_for(figure: Figure) -> None:
    points = np.array([(8.0, -17.0, 3.0)] * 2)
    placed = figure.place(points, TURNED, np.array([0.0, 1.0]))
    np.testing.assert_allclose(placed[0], points[0], atol=1e-9)
    np.testing.assert_allclose(placed[1], transform(figure.head_pose(TURNED), points[1]))


def test_subdivision_does_not_shrink_the_lips(figure: Figure) -> None:
    marks = figure.model.neutral[figure.model.landmarks68[OUTER_LIP]]
    distance = np.linalg.norm(figure.rest[None] - marks[:, None], axis=2).min(axis=1)
    assert distance.max() < 0.06  # centimetres


def test_lids_never_lie_inside_the_eyeballs(figure: Figure) -> None:
    for shut in (0.0, 0.5 * SHUT, SHUT):
        pose = figure.pose(FramePose(expression={"eyeBlink_L": shut, "eyeBlink_R": shut}))
        for ball, eye in zip(figure.eyeballs, pose.eyes, strict=True):
            radius = np.linalg.norm(eye - ball.centre, axis=1)
            lids = pose.skin[figure._lids]
            offset = lids - ball.centre
            near = (np.linalg.norm(offset, axis=1) < 2.0) & (offset[:, 2] > 0.3)
            assert np.linalg.norm(offset[near], axis=1).min() > radius.min() + 0.5 * LID_THICKNESS


def test_shut_lids_cover_the_pupils_and_open_ones_do_not(figure: Figure) -> None:
    def before_pupil(shut: float) -> float:
        """How far skin stands before the left pupil, centimetres."""
        pose = figure.pose(FramePose(expression={"eyeBlink_L": shut, "eyeBlink_R": shut}))
        pupil = pose.eyes[0][pose.eyes[0][:, 2].argmax()]
        beside = np.linalg.norm(pose.skin[:, :2] - pupil[:2], axis=1) < 0.15
        return float((pose.skin[beside, 2] - pupil[2]).max(initial=-9.0))

    assert before_pupil(SHUT) > 0
    assert before_pupil(0.0) < -0.5


def test_hairs_of_the_beard_go_with_the_jaw_and_brows_do_not(figure: Figure) -> None:
    shut, opened = figure.pose(FramePose()), figure.pose(FramePose(expression={"jawOpen": 0.8}))
    low = figure.bound["beard"].strands.points[:, 0, 1] < -6.0
    moved = opened.bound["beard"][low] - shut.bound["beard"][low]
    assert moved[..., 1].mean() < -0.5
    np.testing.assert_allclose(opened.bound["brows"], shut.bound["brows"], atol=0.05)


def test_the_back_of_the_head_is_not_drawn(figure: Figure) -> None:
    assert figure.rest[figure.triangles, 2].max(axis=1).min() > -4.5
    assert len(figure.triangles) < len(figure.surface.triangles)
