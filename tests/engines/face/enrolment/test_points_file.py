"""Points that somebody has set: a face through all of them, or a reason."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from engines.face.enrolment.errors import LandmarksError
from engines.face.enrolment.landmarks import FaceLandmarks, place
from engines.face.enrolment.points_file import NAMES, face_through, read_points
from tests.engines.face.enrolment.faces import face


def points_of(of: FaceLandmarks) -> dict[str, list[float]]:
    places = {name: place(spots[0][0]).start + spots[0][1] for name, spots in NAMES.items()}
    return {name: [float(value) for value in of.points[spot]] for name, spot in places.items()}


def write(tmp_path: Path, content: object) -> Path:
    path = tmp_path / "points.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


@pytest.mark.parametrize("yaw", [0, 20])
def test_the_points_of_a_face_give_it_back(tmp_path: Path, yaw: float) -> None:
    of = face(yaw)
    found = face_through(read_points(write(tmp_path, {"points": points_of(of)})))
    lips = slice(0, 44)
    np.testing.assert_allclose(found.points[lips], of.points[lips], atol=1.0)
    assert np.abs(found.points - of.points).mean() < 1


def test_the_face_goes_through_every_point() -> None:
    rng = np.random.default_rng(3)
    points = {name: (x + rng.normal(0, 2), y + rng.normal(0, 2)) for name, (x, y) in points_of(face()).items()}
    found = face_through(points)
    for name, spots in NAMES.items():
        for curve, number in spots:
            np.testing.assert_allclose(found.curve(curve)[number], points[name])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("no json", "expected JSON of points"),
        ([1, 2], r"expected \{\"points\""),
        ({"points": {}}, "lacks chin"),
        ({"points": {**points_of(face()), "ear": [1, 2]}}, "has unknown ear; known are left_eye_outer"),
        ({"points": {**points_of(face()), "chin": [1]}}, r"chin: expected \[x, y\] in pixels, found \[1\]"),
        ({"points": {**points_of(face()), "chin": [1, "2"]}}, "chin: expected"),
        ({"points": {**points_of(face()), "chin": [1, float("nan")]}}, "chin: expected"),
    ],
)
def test_other_contents_are_refused(tmp_path: Path, content: object, reason: str) -> None:
    with pytest.raises(LandmarksError, match=reason):
        read_points(write(tmp_path, content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LandmarksError, match="expected JSON of points"):
        read_points(tmp_path / "none.json")


def test_points_of_a_mirrored_face_are_refused() -> None:
    mirrored = {name: (512 - x, y) for name, (x, y) in points_of(face()).items()}
    with pytest.raises(LandmarksError, match="left and right are as seen in the picture"):
        face_through({name: (x, y) for name, (x, y) in mirrored.items()})
