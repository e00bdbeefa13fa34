"""Whether a face can become an avatar, and why not. Knows nothing of files."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.pose import HeadPose

SMALLEST = 48.0  # pixels between the outer corners of the eyes; a mouth has half as many
LARGEST = 0.5  # of the picture's shorter side: more, and neither head nor shoulders are seen
TURNED = 25.0  # degrees aside
NODDED = 30.0  # degrees up or down, of which the fit believes only a part
LEANED = 30.0  # degrees
OPENED = 0.2  # inter-ocular distances between the lips; a broad smile has 0.1
BYSTANDER = 0.5  # a face so much smaller than the first is background

# Lips differ from the skin around them. Distances are CIELAB's, in which 2.3 is just seen.
LIP_CONTRAST = 2.0
LIGHTNESS_SHARE = 0.5  # lightness is shadow as well, and counts half

# Of the skin's pixels LIT_QUANTILE are darker than its lit places; those must reach DARKEST of 255, or noise is all
# that an enlarged picture would show. For the lips' contrast they are taken to LIT.
LIT_QUANTILE = 0.9
DARKEST = 40.0
LIT = 200.0

Picture = NDArray[np.uint8]


def only_face(faces: Sequence[FaceLandmarks]) -> FaceLandmarks:
    """
    Raises:
        PortraitError: there is none, or another that is nearly as large.
    """
    if not faces:
        raise PortraitError("no face was found; give a well-lit picture of one person who looks at the camera")
    if len(rivals(faces)) > 1:
        raise PortraitError(f"{len(rivals(faces))} faces were found; cut the picture to one person")
    return by_size(faces)[0]


def by_size(faces: Sequence[FaceLandmarks]) -> list[FaceLandmarks]:
    """The largest first."""
    return sorted(faces, key=lambda face: face.interocular, reverse=True)


def rivals(faces: Sequence[FaceLandmarks]) -> list[FaceLandmarks]:
    """The largest face and those that are not background beside it."""
    largest = max((face.interocular for face in faces), default=0.0)
    return [face for face in faces if face.interocular > BYSTANDER * largest]


def check_size(face: FaceLandmarks, width: float, height: float) -> None:
    """
    Raises:
        PortraitError: the face is too small, too near, or partly outside the picture.
    """
    eyes = face.interocular
    if eyes < SMALLEST:
        raise PortraitError(
            f"the face is too small: {eyes:.0f} pixels between the eyes' outer corners, at least {SMALLEST:.0f} are "
            "needed; give a larger or nearer picture"
        )
    if eyes > LARGEST * min(width, height):
        raise PortraitError("the face is too near; give a picture of head and shoulders")
    jaw = face.curve("jaw")
    if jaw[:, 0].min() < 0 or jaw[:, 0].max() > width or jaw[:, 1].max() > height:
        raise PortraitError("part of the face is outside the picture; give a picture of head and shoulders")


def check_pose(pose: HeadPose) -> None:
    """
    Raises:
        PortraitError: the head is turned, nods or leans too far.
    """
    for angle, most, way in (
        (pose.yaw, TURNED, "turned aside"),
        (pose.pitch, NODDED, "tilted up or down"),
        (pose.roll, LEANED, "leaning"),
    ):
        if abs(angle) > most:
            raise PortraitError(
                f"the face is {way} by about {abs(angle):.0f}°, at most {most:.0f}° work; "
                "give a picture in which the person looks at the camera"
            )


def check_mouth(picture: Picture, face: FaceLandmarks) -> None:
    """
    Raises:
        PortraitError: the face is too dark, or the mouth wide open or covered.
    """
    if lit_skin(picture, face) < DARKEST:
        raise PortraitError("the face is too dark; give a well-lit picture")
    gap = face.mouth_gap / face.interocular
    if gap > OPENED:
        raise PortraitError("the mouth is wide open; give a picture with lips closed or nearly closed")
    if lip_contrast(picture, face) < LIP_CONTRAST:
        raise PortraitError(
            "the mouth seems to be covered: the lips cannot be told from what is around them; "
            "give a picture without mask, hand or microphone before the mouth"
        )


def lip_contrast(picture: Picture, face: FaceLandmarks) -> float:
    """How far the lips' red lies from the skin around the mouth, in CIELAB."""
    outer = np.concatenate([face.curve("lip_outer_upper"), face.curve("lip_outer_lower")[-2:0:-1]])
    inner = np.concatenate([face.curve("lip_inner_upper"), face.curve("lip_inner_lower")[-2:0:-1]])
    middle = outer.mean(axis=0)
    lips = _filled(picture, outer) & ~_filled(picture, inner)
    ring = _filled(picture, middle + 1.5 * (outer - middle)) & ~_filled(picture, middle + 1.2 * (outer - middle))
    if not lips.any() or not ring.any():
        return 0.0
    colours = np.array([[np.median(picture[part], axis=0) for part in (lips, ring)]], np.float32)
    lab = cv2.cvtColor(colours * (LIT / max(lit_skin(picture, face), 1.0) / 255), cv2.COLOR_RGB2LAB)
    apart = lab[0, 0] - lab[0, 1]
    return float(np.hypot(LIGHTNESS_SHARE * apart[0], np.hypot(apart[1], apart[2])))


def lit_skin(picture: Picture, face: FaceLandmarks) -> float:
    """How bright the lit places of the face are, 0..255."""
    outline = np.concatenate([face.curve("jaw"), face.eye_corners[::-1]])
    skin = picture[_filled(picture, outline)]
    return float(np.quantile(skin.mean(axis=1), LIT_QUANTILE)) if len(skin) else 0.0


def _filled(picture: Picture, outline: NDArray[np.float64]) -> NDArray[np.bool_]:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16 - 8).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask.astype(bool)
