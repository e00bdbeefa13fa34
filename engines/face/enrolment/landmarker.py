"""Faces in pictures, found by MediaPipe's face landmarker in a child process. Knows nothing of what they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.errors import LandmarksError
from engines.face.enrolment.landmark_child import POINTS
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.mediapipe_points import face_of
from engines.face.enrolment.sandbox import ChildError, ask

FACES = 4  # as many are told apart; a fifth adds nothing to "several"
PART = 0.6  # of a picture's sides: small faces are missed in the whole and found in its parts
INSIDE = 0.02  # of a part's sides: a face nearer to its edge is cut, and seen whole in another part
SAME = 0.5  # inter-ocular distances: eyes nearer to each other than this are one person's

_CHILD = "engines.face.enrolment.landmark_child"


@dataclass(frozen=True, slots=True)
class Landmarker:
    """model: the file face_landmarker.task; workspace: a folder for what passes between the processes."""

    model: Path
    workspace: Path

    def find(self, frames: NDArray[np.uint8]) -> list[list[FaceLandmarks]]:
        """The faces in each of (n, h, w, 3) uint8 RGB frames, in their pixels; a single picture's also in its parts.

        Raises:
            LandmarksError: MediaPipe cannot run here.
        """
        found = self._look(frames)
        if len(frames) > 1:
            return found
        tiles, corners = parts_of_picture(frames[0])
        return [distinct([*found[0], *from_parts(self._look(tiles), corners, tiles.shape[1:3])])]

    def _look(self, frames: NDArray[np.uint8]) -> list[list[FaceLandmarks]]:
        raw, out = self.workspace / "frames.raw", self.workspace / "points.raw"
        frames.tofile(raw)
        request = {"model": str(self.model), "frames": str(raw), "shape": frames.shape, "faces": FACES, "out": str(out)}
        try:
            found = ask(_CHILD, request)["found"]
        except ChildError as error:
            raise LandmarksError(f"the face landmarker failed: {error}") from error
        points = np.fromfile(out, np.float32).reshape(len(frames), FACES, POINTS, 2)
        return [[face_of(face) for face in faces[:count]] for faces, count in zip(points, found, strict=True)]


def parts_of_picture(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """The four corner parts of a picture, overlapping, and the left and top of each."""
    height, width = (round(PART * side) for side in picture.shape[:2])
    lefts, tops = (0, picture.shape[1] - width), (0, picture.shape[0] - height)
    corners = [(left, top) for top in tops for left in lefts]
    return np.stack([picture[top : top + height, left : left + width] for left, top in corners]), corners


def from_parts(
    found: Sequence[Sequence[FaceLandmarks]], corners: Sequence[tuple[int, int]], size: tuple[int, ...]
) -> list[FaceLandmarks]:
    """Faces found in parts of (height, width), those that are cut left out, in the picture's pixels."""
    extent = np.array(size[::-1])
    return [
        face.moved(np.array([[1.0, 0, left], [0, 1.0, top]]))
        for faces, (left, top) in zip(found, corners, strict=True)
        for face in faces
        if (face.points > INSIDE * extent).all() and (face.points < (1 - INSIDE) * extent).all()
    ]


def distinct(faces: Sequence[FaceLandmarks]) -> list[FaceLandmarks]:
    """The faces without those that were found before."""
    kept: list[FaceLandmarks] = []
    for face in faces:
        eyes = face.eye_corners.mean(axis=0)
        if all(np.linalg.norm(other.eye_corners.mean(axis=0) - eyes) > SAME * other.interocular for other in kept):
            kept.append(face)
    return kept


def landmarker_installed() -> bool:
    return find_spec("mediapipe") is not None
