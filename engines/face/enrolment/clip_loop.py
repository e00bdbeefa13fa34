"""The idle loop of a clip: its calmest part with the mouth closed, played there and back. Knows no decoder.

There and back has no seam, whatever the person did; so the ends are put where the person hardly moves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32, F64
from engines.face.enrolment.checks import by_size, rivals
from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.landmarks import CURVES, FaceLandmarks, place
from engines.face.enrolment.media import clock_text

SHORTEST_S, LONGEST_S = 2.0, 4.2  # of the part that is played; there and back it lasts twice as long
CLOSED = 0.05  # inter-ocular distances between the lips: more is speech or a smile
WANDERING = 0.35  # inter-ocular distances from the middle of its way: a head that moves farther is not idle
TURNING = 0.02  # inter-ocular distances a frame at either end: faster, and turning back would look like a jerk
SMOOTHING = 1.5  # frames, of the landmarks: less than any movement lasts, more than the landmarker trembles
SEEN_S = 0.2  # a second face that is seen for less is the landmarker's mistake
LEAST_SMOOTHING = 0.5  # frames, where the clip has fewer a second than the loop
LOST = 0.1  # part of the frames in which the landmarker may miss the face; the nearest frame's is taken there
LIP_WEIGHT = 4.0  # of lips against the rest of the face in the alignment


@dataclass(frozen=True, slots=True)
class Calm:
    """A part of a clip: first and count of the scanned frames; face: its typical one, in their pixels.

    notes: what the user should know of the rest.
    """

    first: int
    count: int
    face: FaceLandmarks
    notes: tuple[str, ...] = ()


def check_length(seconds: float) -> None:
    """
    Raises:
        PortraitError: the clip is too short for a loop.
    """
    if seconds < SHORTEST_S:
        raise PortraitError(
            f"the clip is too short: it lasts {seconds:.1f} s, at least {SHORTEST_S:.0f} s are needed; "
            "record about ten seconds of the person listening"
        )


def calmest(found: Sequence[Sequence[FaceLandmarks]], frame_rate: float, held: NDArray[np.bool_] | None = None) -> Calm:
    """The longest and calmest part in which one face is seen, with its mouth closed.

    found: the faces in each frame. held: frames inside gaps of the recording, which are no rest.

    Raises:
        PortraitError: there is none of SHORTEST_S, or no face.
    """
    if not any(found):
        raise PortraitError("no face was found in the clip; record one person, well lit, who looks at the camera")
    track = [by_size(faces)[0] if faces else None for faces in found]
    unit = float(np.median([face.interocular for face in track if face]))
    alone = np.array([len(rivals(faces)) < 2 for faces in found])
    closed = np.array([face is not None and face.mouth_gap < CLOSED * unit for face in track])
    usable = closed & alone & ~(np.zeros(len(track), bool) if held is None else held)
    second = _second_face(alone, frame_rate)
    middle = np.array([_middle(face) if face else (np.nan, np.nan) for face in track]) / unit
    best = _longest_and_calmest(usable, middle, frame_rate)
    if best is None:
        fix = "cut it there, or record it again with one person"
        raise PortraitError(f"{second}; {fix}" if second else _restless(track, closed))
    first, count = best
    points = np.stack([face.points for face in track[first : first + count] if face])
    return Calm(
        first, count, FaceLandmarks(np.median(points, axis=0)), (f"{second}; that part was left out",) if second else ()
    )


def _longest_and_calmest(usable: NDArray[np.bool_], middle: F64, frame_rate: float) -> tuple[int, int] | None:
    """First and count of the best part; middle: (n, 2) places of the head in inter-ocular distances."""
    for seconds in np.arange(LONGEST_S, SHORTEST_S - 0.01, -0.2):
        count = round(seconds * frame_rate)
        starts = [first for first in range(len(usable) - count + 1) if usable[first : first + count].all()]
        parts = [(_restlessness(middle[first : first + count]), first) for first in starts]
        if parts and min(parts)[0] < np.inf:
            return min(parts)[1], count
    return None


def _second_face(alone: NDArray[np.bool_], frame_rate: float) -> str:
    """What to say of frames with several faces; "" where there are none, or too few to be a person."""
    several = np.flatnonzero(~alone)
    if len(several) < max(2, SEEN_S * frame_rate):
        return ""
    since = clock_text(several[0] / frame_rate)
    until = "on" if several[-1] >= len(alone) - 2 else f"to {clock_text((several[-1] + 1) / frame_rate)}"
    return f"the clip shows a second face from {since} {until}"


def _restless(track: Sequence[FaceLandmarks | None], closed: NDArray[np.bool_]) -> str:
    seen = sum(face is not None for face in track) / len(track)
    return (
        f"the clip has no {SHORTEST_S:.0f} s on end in which the person is nearly still, lips together: a face is seen "
        f"in {100 * seen:.0f} % of the frames, with lips together in {100 * closed.mean():.0f} %; "
        "record the person listening, looking at the camera"
    )


def _middle(face: FaceLandmarks) -> tuple[float, float]:
    x, y = np.concatenate([face.eye_corners, face.curve("nose_base")]).mean(axis=0)
    return float(x), float(y)


def _restlessness(middle: F64) -> float:
    """How much a head moves: (n, 2) places in inter-ocular distances; infinite where it is not idle."""
    wander = float(np.linalg.norm(middle - np.median(middle, axis=0), axis=1).max())
    speed = np.linalg.norm(np.diff(middle, axis=0), axis=1)
    ends = float(max(speed[0], speed[-1]))
    return wander + 5 * ends if wander < WANDERING and ends < 2 * TURNING else float("inf")


def smoothed(faces: Sequence[FaceLandmarks], width: float = SMOOTHING) -> list[FaceLandmarks]:
    """The same faces without the landmarker's tremble; width: standard deviation in frames."""
    points = np.stack([face.points for face in faces])
    reach = min(int(np.ceil(3 * width)), len(points) - 1)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / width) ** 2)
    kernel /= kernel.sum()
    padded = np.concatenate([points[reach:0:-1], points, points[-2 : -reach - 2 : -1]])
    return [FaceLandmarks(np.tensordot(kernel, padded[at : at + len(kernel)], 1)) for at in range(len(points))]


def followed(found: Sequence[Sequence[FaceLandmarks]], near: FaceLandmarks, times: F64) -> list[FaceLandmarks]:
    """The face that is nearest to `near` in each frame, without tremble. Frames of one time are one and the same.

    Raises:
        PortraitError: it is missing in more than LOST of the frames.
    """

    def distance(face: FaceLandmarks) -> float:
        return float(np.linalg.norm(face.points - near.points, axis=1).mean())

    seen = [index for index, faces in enumerate(found) if faces]
    if len(seen) < (1 - LOST) * len(found):
        raise PortraitError("the face is not seen all the time in the clip's calm part; record it in better light")
    nearest = [min(found[index], key=distance) for index in seen]
    filled = [nearest[int(np.argmin(np.abs(np.array(seen) - index)))] for index in range(len(found))]
    _, first, back = np.unique(times, return_index=True, return_inverse=True)
    steady = smoothed([filled[index] for index in first], max(SMOOTHING * len(first) / len(times), LEAST_SMOOTHING))
    return [steady[index] for index in back]


def there_and_back(count: int) -> list[int]:
    """Numbers of the frames of one round: 0, 1, … count − 1, … 1."""
    return [*range(count), *range(count - 2, 0, -1)]


def aligned(rest: FaceLandmarks, faces: Sequence[FaceLandmarks], crop: F64) -> F32:
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
