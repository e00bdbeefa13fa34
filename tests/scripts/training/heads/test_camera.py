"""The portrait camera and rigid poses."""

from __future__ import annotations

import numpy as np

from scripts.training.heads.camera import Camera, frame_face, rigid_pose, transform


def test_a_point_straight_ahead_is_seen_in_the_middle() -> None:
    camera = Camera(x=1.0, y=2.0, z=100.0)
    assert camera.project(np.array([1.0, 2.0, 7.0])).tolist() == [256.0, 256.0]


def test_pixels_count_right_and_down() -> None:
    camera = Camera(z=100.0, focal=1000.0)
    np.testing.assert_allclose(camera.project(np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])), [[266, 256], [256, 246]])


def test_a_framed_face_has_its_eyes_where_asked() -> None:
    corners = np.array([[-4.5, 3.5, 8.5], [4.3, 3.7, 8.5]])
    pixels = frame_face(corners, distance=110.0, eye_span=126.0, eye_row=212.0).project(corners)
    np.testing.assert_allclose(np.linalg.norm(pixels[0] - pixels[1]), 126.0, atol=0.1)
    np.testing.assert_allclose(pixels.mean(axis=0), [256.0, 212.0], atol=1e-6)


def test_the_pivot_of_a_pose_only_shifts() -> None:
    pivot, shift = np.array([0.0, -5.0, 1.0]), np.array([0.1, 0.2, 0.3])
    pose = rigid_pose(yaw=12.0, pitch=-7.0, roll=4.0, pivot=pivot, shift=shift)
    np.testing.assert_allclose(transform(pose, pivot), pivot + shift, atol=1e-12)


def test_a_pose_keeps_distances() -> None:
    points = np.random.default_rng(0).normal(size=(20, 3))
    moved = transform(rigid_pose(9.0, 5.0, -3.0, np.ones(3), np.zeros(3)), points)
    np.testing.assert_allclose(np.linalg.norm(np.diff(moved, axis=0)), np.linalg.norm(np.diff(points, axis=0)))


def test_yaw_turns_the_nose_to_the_heads_left() -> None:
    nose = transform(rigid_pose(10.0, 0.0, 0.0, np.zeros(3), np.zeros(3)), np.array([0.0, 0.0, 1.0]))
    assert nose[0] > 0.1


def test_pitch_turns_the_nose_down() -> None:
    nose = transform(rigid_pose(0.0, 10.0, 0.0, np.zeros(3), np.zeros(3)), np.array([0.0, 0.0, 1.0]))
    assert nose[1] < -0.1
