"""Faces in pictures, found by MediaPipe's face landmarker in a child process. Knows nothing of what they are for."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.errors import LandmarksError
from engines.face.enrolment.landmark_child import POINTS
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.limited import ChildError, ask
from engines.face.enrolment.mediapipe_points import face_of

FACES = 4  # as many are told apart; a fifth adds nothing to "several"

_CHILD = "engines.face.enrolment.landmark_child"


@dataclass(frozen=True, slots=True)
class Landmarker:
    """model: the file face_landmarker.task; workspace: a folder for what passes between the processes."""

    model: Path
    workspace: Path

    def find(self, frames: NDArray[np.uint8]) -> list[list[FaceLandmarks]]:
        """The faces in each of (n, h, w, 3) uint8 RGB frames, in their pixels.

        Raises:
            LandmarksError: MediaPipe cannot run here.
        """
        raw, out = self.workspace / "frames.raw", self.workspace / "points.raw"
        frames.tofile(raw)
        request = {"model": str(self.model), "frames": str(raw), "shape": frames.shape, "faces": FACES, "out": str(out)}
        try:
            found = ask(_CHILD, request)["found"]
        except ChildError as error:
            raise LandmarksError(f"the face landmarker failed: {error}") from error
        points = np.fromfile(out, np.float32).reshape(len(frames), FACES, POINTS, 2)
        return [[face_of(face) for face in faces[:count]] for faces, count in zip(points, found, strict=True)]


def landmarker_installed() -> bool:
    return find_spec("mediapipe") is not None
