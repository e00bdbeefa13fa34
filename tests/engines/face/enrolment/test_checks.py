"""Faces that are refused, each with its own reason."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.enrolment.canonical import canonical_mouth
from engines.face.enrolment.checks import check_mouth, check_pose, check_size, only_face
from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.pose import fit_pose
from tests.engines.face.enrolment.faces import SKIN, drawn, face, parted


def test_no_face() -> None:
    with pytest.raises(PortraitError, match="no face was found"):
        only_face([])


def test_several_faces() -> None:
    with pytest.raises(PortraitError, match="2 faces were found; cut the picture to one person"):
        only_face([face(), face(scale=80)])


def test_somebody_far_behind_is_no_second_face() -> None:
    assert only_face([face(scale=30), face()]).interocular > 100


def test_a_small_face() -> None:
    with pytest.raises(PortraitError, match=r"too small: 40 pixels between the eyes' outer corners, at least 48"):
        check_size(face(scale=40), 512, 512)


def test_a_face_that_fills_the_picture() -> None:
    with pytest.raises(PortraitError, match="too near"):
        check_size(face(scale=300), 512, 512)


def test_a_face_that_leaves_the_picture() -> None:
    with pytest.raises(PortraitError, match="outside the picture"):
        check_size(face().moved(np.array([[1.0, 0, 200], [0, 1, 0]])), 512, 512)


@pytest.mark.parametrize("yaw", [-35, 35, 50])
def test_a_face_turned_away(yaw: float) -> None:
    with pytest.raises(PortraitError, match=r"turned aside by about \d+°, at most 25° work"):
        check_pose(fit_pose(canonical_mouth().landmarks, face(yaw)))


@pytest.mark.parametrize("yaw", [0, 10, 20, -20])
def test_a_face_turned_a_little_is_taken(yaw: float) -> None:
    check_pose(fit_pose(canonical_mouth().landmarks, face(yaw)))


def test_a_leaning_face() -> None:
    with pytest.raises(PortraitError, match="leaning"):
        check_pose(fit_pose(canonical_mouth().landmarks, face(0, 0, 40)))


def test_a_wide_open_mouth() -> None:
    of = parted(face(), 35)
    with pytest.raises(PortraitError, match="wide open"):
        check_mouth(drawn(of), of)


@pytest.mark.parametrize("gap", [0, 3, 12])
def test_a_closed_or_smiling_mouth_is_taken(gap: float) -> None:
    of = parted(face(), gap)
    check_mouth(drawn(of), of)


@pytest.mark.parametrize("colour", [SKIN, (150, 180, 200), (20, 20, 20)], ids=["hand", "mask", "black mask"])
def test_a_covered_mouth(colour: tuple[int, int, int]) -> None:
    picture = drawn(face())
    picture[270:360, 200:312] = colour
    with pytest.raises(PortraitError, match="covered"):
        check_mouth(picture, face())


@pytest.mark.parametrize("light", [0.35, 1.0])
def test_a_dim_picture_is_taken(light: float) -> None:
    check_mouth((drawn(face()) * light).astype(np.uint8), face())


def test_a_dark_picture() -> None:
    with pytest.raises(PortraitError, match="too dark"):
        check_mouth((drawn(face()) * 0.12).astype(np.uint8), face())


def test_landmarks_outside_the_picture_do_no_harm() -> None:
    beyond = FaceLandmarks(face().points + 5000)
    with pytest.raises(PortraitError):
        check_mouth(drawn(face()), beyond)
