"""The canonical face fitted to landmarks: how far a head is turned."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.enrolment.canonical import canonical_mouth
from engines.face.enrolment.pose import fit_pose
from tests.engines.face.enrolment.faces import MIDDLE, SCALE, face


@pytest.mark.parametrize("yaw", [-35, -20, -10, 0, 10, 20, 25, 35])
def test_a_turn_is_measured(yaw: float) -> None:
    assert fit_pose(canonical_mouth().landmarks, face(yaw)).yaw == pytest.approx(yaw, abs=1.5)


@pytest.mark.parametrize("roll", [-20, 5, 20])
def test_a_lean_is_measured(roll: float) -> None:
    assert fit_pose(canonical_mouth().landmarks, face(5, 0, roll)).roll == pytest.approx(roll, abs=1)


def test_the_canonical_face_is_its_own_fit() -> None:
    pose = fit_pose(canonical_mouth().landmarks, face())
    assert pose.scale == pytest.approx(SCALE, rel=1e-3)
    np.testing.assert_allclose(pose.project(canonical_mouth().landmarks), face().points, atol=0.1)
    np.testing.assert_allclose(pose.shift, MIDDLE, atol=0.1)


def test_a_rotation_stays_one() -> None:
    rotation = fit_pose(canonical_mouth().landmarks, face(20, 10, -5)).rotation
    np.testing.assert_allclose(rotation @ rotation.T, np.eye(2), atol=1e-12)
