"""The mesh fitted to a face: lips exactly on its lips, movements as the head is turned."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.face.enrolment.canonical import AROUND, BORDER_RING, RINGS, canonical_mouth
from engines.face.enrolment.enrol import mouth_tensors
from engines.face.enrolment.landmarks import FaceLandmarks, along
from engines.face.enrolment.mouth_fit import LOWER, UPPER, MouthFit, fit_mouth
from engines.face.enrolment.pose import fit_pose
from engines.face.geometry import MouthGeometry
from engines.face.tensors import FaceTensors, check_tensors
from engines.motion import COEFFICIENTS
from tests.engines.face.enrolment.faces import face, parted
from tests.engines.face.tiny_avatar import motion

BORDER = slice(BORDER_RING * AROUND, (BORDER_RING + 1) * AROUND)
TURNS = [0.0, 10.0, 20.0, 25.0, -25.0]


def someone(yaw: float = 0.0) -> FaceLandmarks:
    """A face that is not the canonical one: a wider mouth with fuller lips, a longer chin."""
    points = face(yaw).points.copy()
    middle = face(yaw).curve("lip_outer_upper").mean(axis=0)
    lips = slice(0, 44)
    points[lips] = middle + (points[lips] - middle) * (1.15, 1.4)
    points[-17:, 1] += 12 * np.sin(np.linspace(0, np.pi, 17))
    return FaceLandmarks(points)


def fitted(of: FaceLandmarks) -> MouthFit:
    return fit_mouth(canonical_mouth(), of, fit_pose(canonical_mouth().landmarks, of))


def tensors_of(of: FaceLandmarks) -> FaceTensors:
    pose = fit_pose(canonical_mouth().landmarks, of)
    tensors = mouth_tensors(fit_mouth(canonical_mouth(), of, pose), pose, np.array([220.0, 215, 205]))
    tensors["alignment"] = np.array([[[150.0, 0, 0], [0, 150, 0]]], np.float32)
    return check_tensors(Path("someone"), tensors, 1)


def distance(points: np.ndarray, curve: np.ndarray) -> float:
    """The largest distance of points from the smooth line through curve."""
    fine = along(curve, np.linspace(0, 1, 2000))
    return float(np.linalg.norm(points[:, None] - fine[None], axis=2).min(axis=1).max())


@pytest.mark.parametrize("yaw", TURNS)
def test_the_lips_border_lies_on_the_contours(yaw: float) -> None:
    of = someone(yaw)
    fit = fitted(of)
    pixels = fit.mesh[BORDER] @ fit.crop[:, :2].T + fit.crop[:, 2]
    assert distance(pixels[UPPER], of.curve("lip_outer_upper")) < 0.1
    assert distance(pixels[LOWER], of.curve("lip_outer_lower")) < 0.1


@pytest.mark.parametrize("yaw", TURNS)
def test_the_seam_lies_where_the_lips_meet(yaw: float) -> None:
    of = someone(yaw)
    fit = fitted(of)
    pixels = fit.mesh[UPPER] @ fit.crop[:, :2].T + fit.crop[:, 2]
    between = (of.curve("lip_inner_upper") + of.curve("lip_inner_lower")) / 2
    assert distance(pixels, between) < 0.5


def test_parted_lips_are_closed_in_the_mesh() -> None:
    of = parted(someone(), 10.0)
    fit = fitted(of)
    gaps = np.linalg.norm(fit.seen[LOWER] - fit.seen[UPPER], axis=1) * np.linalg.norm(fit.crop[:, 0])
    assert gaps.max() == pytest.approx(10, abs=4)
    np.testing.assert_array_equal(fit.mesh[LOWER], fit.mesh[UPPER])


@pytest.mark.parametrize("yaw", TURNS)
def test_the_parts_make_a_valid_face(yaw: float) -> None:
    face_tensors = tensors_of(someone(yaw))
    assert not MouthGeometry(face_tensors).pose(motion().coefficients).gaps.any()


@pytest.mark.parametrize("yaw", TURNS)
def test_mouth_close_seals_a_lowered_jaw(yaw: float) -> None:
    geometry = MouthGeometry(tensors_of(someone(yaw)))
    assert geometry.pose(motion(jawOpen=0.4, mouthClose=0.4).coefficients).gaps.max() < 0.003


@pytest.mark.parametrize("yaw", TURNS)
def test_a_speaking_mesh_does_not_fold(yaw: float) -> None:
    face_tensors = tensors_of(someone(yaw))
    geometry = MouthGeometry(face_tensors)

    def areas(**coefficients: float) -> np.ndarray:
        corners = geometry.pose(motion(**coefficients).coefficients).vertices[face_tensors.triangles]
        first, second = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
        return np.asarray(first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0])

    still = areas()
    for pose in ({"jawOpen": 0.6}, {"jawOpen": 0.2, "mouthPucker": 0.6}, {"jawOpen": 0.1, "mouthStretch": 0.5}):
        folded = (areas(**pose) * np.sign(still) < -1e-4) & (np.abs(still) > 1e-4)
        assert not folded.any(), pose


def test_nothing_moves_on_the_outermost_ring() -> None:
    assert not fitted(someone()).basis[:, -AROUND:].any()


def test_a_wider_mouth_moves_wider() -> None:
    jaw = COEFFICIENTS.index("mouthStretch")
    plain, wide = fitted(face()), fitted(someone())
    assert np.abs(wide.basis[jaw, :, 0]).max() > 1.05 * np.abs(plain.basis[jaw, :, 0]).max()


def test_the_mask_covers_the_speaking_face_and_leaves_the_border() -> None:
    face_tensors = tensors_of(someone())
    jaw = face_tensors.mesh + 0.5 * face_tensors.basis[COEFFICIENTS.index("jawOpen")]
    places = np.asarray(256 * jaw[: RINGS * AROUND, None], np.float32)
    inside = cv2.remap(face_tensors.mask, places[..., 0], places[..., 1], cv2.INTER_LINEAR)
    assert inside.min() > 200
    assert not face_tensors.mask[[0, -1]].any()
