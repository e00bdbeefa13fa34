"""The face's points, set by hand: a JSON file of named places. Knows nothing of pictures.

    {"points": {"left_eye_outer": [195, 101], "left_eye_inner": [214, 104], …}}

Pixels from the picture's top left corner, after it has been turned upright; left and right as seen in the picture.
The curves between the points are the canonical face's, bent to go through them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from engines.arrays import F64, U8
from engines.face.enrolment.canonical import canonical_mouth
from engines.face.enrolment.errors import LandmarksError
from engines.face.enrolment.landmarks import CURVES, FaceLandmarks, SplineWarp, place
from engines.face.enrolment.pose import fit_pose

Points = Mapping[str, tuple[float, float]]

# Each name and the places that it sets: a curve and a number on it.
NAMES: dict[str, tuple[tuple[str, int], ...]] = {
    "left_eye_outer": (("left_eye_upper", 0), ("left_eye_lower", 0)),
    "left_eye_top": (("left_eye_upper", 4),),
    "left_eye_bottom": (("left_eye_lower", 4),),
    "left_eye_inner": (("left_eye_upper", 8), ("left_eye_lower", 8)),
    "right_eye_inner": (("right_eye_upper", 0), ("right_eye_lower", 0)),
    "right_eye_top": (("right_eye_upper", 4),),
    "right_eye_bottom": (("right_eye_lower", 4),),
    "right_eye_outer": (("right_eye_upper", 8), ("right_eye_lower", 8)),
    "nose_tip": (("nose_ridge", 3),),
    "nose_base": (("nose_base", 1),),
    "mouth_left": (("lip_outer_upper", 0), ("lip_outer_lower", 0)),
    "mouth_right": (("lip_outer_upper", 10), ("lip_outer_lower", 10)),
    "upper_lip_top": (("lip_outer_upper", 5),),
    "upper_lip_bottom": (("lip_inner_upper", 5),),
    "lower_lip_top": (("lip_inner_lower", 5),),
    "lower_lip_bottom": (("lip_outer_lower", 5),),
    "chin": (("jaw", 8),),
    "jaw_left": (("jaw", 4),),
    "jaw_right": (("jaw", 12),),
}


class ManualPoints:
    """A finder that knows where the face is, in the one picture that it was told of."""

    __slots__ = ("_face",)

    def __init__(self, points: Points) -> None:
        self._face = face_through(points)

    def find(self, frames: U8) -> list[list[FaceLandmarks]]:
        """
        Raises:
            LandmarksError: the frames are a clip's, in which a face moves.
        """
        if len(frames) != 1:
            raise LandmarksError("points of --landmarks hold for a picture; a clip needs the face landmarker")
        return [[self._face]]


def read_points(path: Path) -> dict[str, tuple[float, float]]:
    """
    Raises:
        LandmarksError: the file is missing, not JSON, or a point is missing, unknown or not two numbers.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise LandmarksError(f"{path}: expected JSON of points ({error})") from error
    points = content.get("points") if isinstance(content, dict) else None
    if not isinstance(points, dict):
        raise LandmarksError(f'{path}: expected {{"points": {{"chin": [x, y], …}}}}')
    for problem, names in (("lacks", NAMES.keys() - points.keys()), ("has unknown", points.keys() - NAMES.keys())):
        if names:
            raise LandmarksError(f"{path}: {problem} {', '.join(sorted(names))}; known are {', '.join(NAMES)}")
    for name, point in points.items():
        numbers = isinstance(point, list) and len(point) == 2 and all(type(value) in (int, float) for value in point)
        if not numbers or not np.isfinite(point).all():
            raise LandmarksError(f"{path}: {name}: expected [x, y] in pixels, found {point!r}")
    return {name: (float(x), float(y)) for name, (x, y) in points.items()}


def face_through(points: Points) -> FaceLandmarks:
    """All curves: the canonical ones in the pose of the points, bent to go through them.

    Raises:
        LandmarksError: the points do not lie as a face's do.
    """
    canonical = canonical_mouth().landmarks
    places = np.array([place(curve).start + number for spots in NAMES.values() for curve, number in spots])
    seen = np.array([points[name] for name, spots in NAMES.items() for _ in spots])
    rough = np.zeros((sum(CURVES.values()), 2))
    rough[places] = seen
    _check_order(points)
    rough = _affine(canonical[places, :2], seen, canonical[:, :2])
    rough[places] = seen
    flat = fit_pose(canonical, FaceLandmarks(rough)).project(canonical)
    bent = SplineWarp(flat[places], seen)(flat)
    bent[places] = seen
    return FaceLandmarks(bent)


def _affine(source: F64, target: F64, points: F64) -> F64:
    system = np.column_stack([source, np.ones(len(source))])
    affine, *_ = np.linalg.lstsq(system, target, rcond=None)
    return np.asarray(np.column_stack([points, np.ones(len(points))]) @ affine)


def _check_order(points: Points) -> None:
    for before, after, axis in (
        ("left_eye_outer", "left_eye_inner", 0),
        ("left_eye_inner", "right_eye_inner", 0),
        ("right_eye_inner", "right_eye_outer", 0),
        ("mouth_left", "mouth_right", 0),
        ("jaw_left", "jaw_right", 0),
        ("nose_base", "upper_lip_top", 1),
        ("upper_lip_top", "lower_lip_bottom", 1),
        ("lower_lip_bottom", "chin", 1),
    ):
        if points[before][axis] >= points[after][axis]:
            way = "left of" if axis == 0 else "above"
            raise LandmarksError(f"expected {before} {way} {after}; left and right are as seen in the picture")
