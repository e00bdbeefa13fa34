"""The idle loop of a clip: its calmest part with the mouth closed, played there and back. Knows no decoder.

There and back has no seam, whatever the person did; so the ends are put where the person hardly moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.checks import only_face
from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.landmarks import CURVES, FaceLandmarks, place

SHORTEST_S, LONGEST_S = 2.0, 4.2  # of the part that is played; there and back it lasts twice as long
CLOSED = 0.05  # inter-ocular distances between the lips: more is speech or a smile
WANDERING = 0.35  # inter-ocular distances from the middle of its way: a head that moves farther is not idle
TURNING = 0.02  # inter-ocular distances a frame at either end: faster, and turning back would look like a jerk
SMOOTHING = 1.5  # frames, of the landmarks: less than any movement lasts, more than the landmarker trembles
LIP_WEIGHT = 4.0  # of lips against the rest of the face in the alignment

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calm:
    """A part of a clip: first and count of the scanned frames; face: its typical one, in their pixels."""

    first: int
    count: int
    face: FaceLandmarks


def calmest(faces: Sequence[Sequence[FaceLandmarks]], frame_rate: float) -> Calm:
    """The longest and calmest part in which the mouth is closed.

    Raises:
        PortraitError: there is none of SHORTEST_S, or no face, or several.
    """
    track = [only_face(found) if found else None for found in faces]
    if not any(track):
        only_face([])
    unit = float(np.median([face.interocular for face in track if face]))
    still = np.array([face is not None and face.mouth_gap < CLOSED * unit for face in track])
    middle = np.array([_middle(face) if face else (np.nan, np.nan) for face in track]) / unit
    best: tuple[float, int, int] | None = None
    for seconds in np.arange(LONGEST_S, SHORTEST_S - 0.01, -0.2):
        count = round(seconds * frame_rate)
        for first in range(len(track) - count + 1):
            restless = _restlessness(middle[first : first + count]) if still[first : first + count].all() else np.inf
            if restless < np.inf and (best is None or restless < best[0]):
                best = (restless, first, count)
        if best:
            break
    if best is None:
        raise PortraitError(
            f"the clip has no {SHORTEST_S:.0f} s on end in which the person is nearly still, lips together: they are "
            f"together in {100 * still.mean():.0f} % of the pictures; give a clip of somebody who listens"
        )
    _, first, count = best
    points = np.stack([face.points for face in track[first : first + count] if face])
    return Calm(first, count, FaceLandmarks(np.median(points, axis=0)))


def _middle(face: FaceLandmarks) -> tuple[float, float]:
    x, y = np.concatenate([face.eye_corners, face.curve("nose_base")]).mean(axis=0)
    return float(x), float(y)


def _restlessness(middle: Floats) -> float:
    """How much a head moves: (n, 2) places in inter-ocular distances; infinite where it is not idle."""
    wander = float(np.linalg.norm(middle - np.median(middle, axis=0), axis=1).max())
    speed = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    ends = float(max(speed[0], speed[-1]))
    return wander + 5 * ends if wander < WANDERING and ends < 2 * TURNING else float("inf")


def smoothed(faces: Sequence[FaceLandmarks]) -> list[FaceLandmarks]:
    """The same faces without the landmarker's tremble."""
    points = np.stack([face.points for face in faces])
    reach = int(np.ceil(3 * SMOOTHING))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / SMOOTHING) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([points[reach:0:-1], points, points[-2 : -reach - 2 : -1]])
    return [FaceLandmarks(np.tensordot(kernel, padded[at : at + len(kernel)], 1)) for at in range(len(points))]


def there_and_back(count: int) -> list[int]:
    """Numbers of the frames of one round: 0, 1, … count − 1, … 1."""
    return [*range(count), *range(count - 2, 0, -1)]


def aligned(rest: FaceLandmarks, faces: Sequence[FaceLandmarks], crop: Floats) -> NDArray[np.float32]:
    """(n, 2, 3): where the crop of the resting face, (2, 3) to its pixels, is in each other frame."""
    weight = np.ones((len(rest.points), 1))
    for name in CURVES:
        if name.startswith("lip"):
            weight[place(name)] = LIP_WEIGHT
        if "eye" in name or "brow" in name:
            weight[place(name)] = 0.25  # lids and brows move by themselves
    system = np.column_stack([rest.points, np.ones(len(rest.points))])
    square = np.vstack([crop, [0, 0, 1]])
    rows = []
    for face in faces:
        affine, *_ = np.linalg.lstsq(system * weight, face.points * weight, rcond=None)
        rows.append(affine.T @ square)
    return np.array(rows, np.float32)
