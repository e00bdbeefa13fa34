"""Faces in pictures: found by MediaPipe's face landmarker in a child process, or by points set by hand.

Its model is a file that is fetched once and is always the same. Knows nothing of what faces are for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import numpy as np
from numpy.typing import NDArray

from engines.arrays import U8
from engines.face.enrolment.enrol import FaceFinder
from engines.face.enrolment.errors import LandmarksError
from engines.face.enrolment.landmark_child import POINTS
from engines.face.enrolment.landmarks import FaceLandmarks, from_curves
from engines.face.enrolment.points_file import ManualPoints, read_points
from engines.face.enrolment.sandbox import ChildError, ask
from engines.files import whole_file

URL = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
BYTES = 8_000_000  # at most; it has half as many
TIMEOUT_S = 30

FACES = 4  # as many are told apart; a fifth adds nothing to "several"
PART = 0.6  # of a picture's sides: small faces are missed in the whole and found in its parts
INSIDE = 0.02  # of a part's sides: a face nearer to its edge is cut, and seen whole in another part
SAME = 0.5  # inter-ocular distances: eyes nearer to each other than this are one person's

_CHILD = "engines.face.enrolment.landmark_child"

# The landmarker's numbers: its documentation's map of the face mesh.
NUMBERS: dict[str, tuple[int, ...]] = {
    "lip_outer_upper": (61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291),
    "lip_outer_lower": (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291),
    "lip_inner_upper": (78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308),
    "lip_inner_lower": (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308),
    "left_eye_upper": (33, 246, 161, 160, 159, 158, 157, 173, 133),
    "left_eye_lower": (33, 7, 163, 144, 145, 153, 154, 155, 133),
    "right_eye_upper": (362, 398, 384, 385, 386, 387, 388, 466, 263),
    "right_eye_lower": (362, 382, 381, 380, 374, 373, 390, 249, 263),
    "left_brow": (70, 63, 105, 66, 107),
    "right_brow": (336, 296, 334, 293, 300),
    "nose_ridge": (168, 197, 195, 4),
    "nose_base": (98, 2, 327),
    "jaw": (
        127, 234, 93, 132, 58, 172, 136, 150, 149, 176, 148, 152,
        377, 400, 378, 379, 365, 397, 288, 361, 323, 454, 356,
    ),
}  # fmt: skip


def face_of(points: NDArray[np.floating]) -> FaceLandmarks:
    """(478, 2) pixels → the curves."""
    found = points.astype(np.float64)
    return FaceLandmarks(from_curves({name: found[list(numbers)] for name, numbers in NUMBERS.items()}))


def model_file(given: Path | None, cache: Path) -> Path:
    """The given file, or the one in the cache folder, fetched if it is not there yet.

    Raises:
        LandmarksError: it is not the file that was pinned, or cannot be fetched.
    """
    if given is not None:
        return _checked(given)
    kept = cache / "face_landmarker.task"
    if not kept.is_file():
        _fetch(kept)
    return _checked(kept)


def _fetch(target: Path) -> None:
    try:
        with urlopen(URL, timeout=TIMEOUT_S) as reply:
            content = reply.read(BYTES)
        target.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(target) as fresh:
            fresh.write_bytes(content)
    except (URLError, OSError) as error:
        raise LandmarksError(
            f"the face landmarker's model cannot be fetched from {URL} ({error}); fetch it elsewhere and give it with "
            "--model, or give the face's points with --landmarks"
        ) from error


def _checked(path: Path) -> Path:
    if not path.is_file():
        raise LandmarksError(f"{path}: no such file; give the model face_landmarker.task from {URL}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise LandmarksError(
            f"{path}: expected the face landmarker's model with SHA-256 {SHA256}, found {found}; "
            f"delete it and fetch it from {URL}"
        )
    return path


@dataclass(frozen=True, slots=True)
class Landmarker:
    """model: the file face_landmarker.task; workspace: a folder for what passes between the processes."""

    model: Path
    workspace: Path

    def find(self, frames: U8) -> list[list[FaceLandmarks]]:
        """The faces in each of (n, h, w, 3) uint8 RGB frames, in their pixels; a single picture's also in its parts.

        Raises:
            LandmarksError: MediaPipe cannot run here.
        """
        found = self._look(frames)
        if len(frames) > 1:
            return found
        tiles, corners = parts_of_picture(frames[0])
        return [distinct([*found[0], *from_parts(self._look(tiles), corners, tiles.shape[1:3])])]

    def _look(self, frames: U8) -> list[list[FaceLandmarks]]:
        raw, out = self.workspace / "frames.raw", self.workspace / "points.raw"
        frames.tofile(raw)
        request = {"model": str(self.model), "frames": str(raw), "shape": frames.shape, "faces": FACES, "out": str(out)}
        try:
            found = ask(_CHILD, request)["found"]
        except ChildError as error:
            raise LandmarksError(f"the face landmarker failed: {error}") from error
        points = np.fromfile(out, np.float32).reshape(len(frames), FACES, POINTS, 2)
        return [[face_of(face) for face in faces[:count]] for faces, count in zip(points, found, strict=True)]


def parts_of_picture(picture: U8) -> tuple[U8, list[tuple[int, int]]]:
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


def face_finder(points: Path | None, model: Path | None, cache: Path, workspace: Path) -> FaceFinder:
    """points: a file of points (see points_file); model: the landmarker's; cache: where a fetched model is kept.

    Raises:
        LandmarksError: neither way is open, or the files are not what they should be.
    """
    if points is not None:
        return ManualPoints(read_points(points))
    if not landmarker_installed():
        raise LandmarksError(
            "the face cannot be looked for: MediaPipe is not installed; install it with `pip install -e '.[enrol]'`,"
            " or give the face's points with --landmarks (docs/avatars.md says how)"
        )
    return Landmarker(model_file(model, cache), workspace)
