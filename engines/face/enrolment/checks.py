"""Whether a face can become an avatar, and why not. Knows nothing of files."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arrays import F64, U8
from engines.face.enrolment.covered import mouth_covered
from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.pose import HeadPose
from engines.face.toning import toning

SMALLEST = 48.0  # pixels between the outer corners of the eyes; a mouth has half as many
LARGEST = 0.5  # of the picture's shorter side: more, and neither head nor shoulders are seen
TURNED = 25.0  # degrees aside
NODDED = 30.0  # degrees up or down, of which the fit believes only a part
LEANED = 30.0  # degrees
OPENED = 0.2  # inter-ocular distances between the lips; a broad smile has 0.1
BYSTANDER = 0.5  # a face so much smaller than the first is background

# Of the distance of lips and skin in CIELAB.
LIGHTNESS_SHARE = 0.5  # lightness is shadow as well, and counts half

# Of the skin's pixels LIT_QUANTILE are darker than its lit places; those must reach DARKEST of 255, or noise is all
# that an enlarged picture would show. For the lips' contrast they are taken to LIT.
LIT_QUANTILE = 0.9
DARKEST = 40.0
LIT = 200.0

# A blur of 3 pixels in the avatar's frames, of 112 between the eyes, gives 0.17 to 0.26.
SHARP = 0.22
DETAIL = (0.7, 1.4, 2.8, 5.6)  # pixels, standard deviations of the blurs whose differences are the detail

BURNT = 0.1  # of the skin; well exposed faces have none
FULL, BRIGHT = 254, 225  # of 255: the brightest channel, and the mean of all

LOOKS = 5  # frames of a clip's part
COVERED = (
    "the mouth seems to be covered: the lips cannot be seen from corner to corner; "
    "give a picture without mask, hand or microphone before the mouth"
)


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


def check_mouth(picture: U8, face: FaceLandmarks) -> None:
    """
    Raises:
        PortraitError: the face is too dark, or the mouth wide open or covered.
    """
    if lit_skin(picture, face) < DARKEST:
        raise PortraitError("the face is too dark; give a well-lit picture")
    if covered(picture, face):  # before the next one: the landmarker opens a mouth around a microphone
        raise PortraitError(COVERED)
    gap = face.mouth_gap / face.interocular
    if gap > OPENED:
        raise PortraitError("the mouth is wide open; give a picture with lips closed or nearly closed")


def covered(picture: U8, face: FaceLandmarks) -> bool:
    """Whether something is before the mouth."""
    contrast = lip_contrast(picture, face) if toning(_face_box(picture, face)) is None else None
    return mouth_covered(picture, face, lit_skin(picture, face), contrast)


def check_clip_mouths(pictures: U8, faces: Sequence[FaceLandmarks], rest: int) -> None:
    """check_mouth for the resting frame of a clip's part; and that nothing comes before the mouth later on.

    Raises:
        PortraitError: as check_mouth.
    """
    check_mouth(np.asarray(pictures[rest]), faces[rest])
    looked_at = np.linspace(0, len(faces) - 1, LOOKS).astype(int)
    if sum(covered(np.asarray(pictures[index]), faces[index]) for index in looked_at) > 1:
        raise PortraitError(COVERED)


def portrait_notes(picture: U8, face: FaceLandmarks) -> tuple[str, ...]:
    """What makes a portrait that can be used a poor one; picture: at the scale of the avatar's frames."""
    notes = []
    if sharpness(picture, face) < SHARP:
        notes.append("the face is very blurred, and the avatar will be; give a sharper picture")
    burnt = burnt_out(picture, face)
    if burnt > BURNT:
        notes.append(
            f"{100 * burnt:.0f} % of the face is burnt out to white; give a picture with less light on the face"
        )
    return tuple(notes)


def sharpness(picture: U8, face: FaceLandmarks) -> float:
    """How strong the face's fine detail is beside its coarse detail; 0.35 to 0.8 where it is sharp."""
    grey = cv2.cvtColor(_face_box(picture, face), cv2.COLOR_RGB2GRAY)
    levels = [cv2.GaussianBlur(grey.astype(np.float32), (0, 0), sigma) for sigma in DETAIL]
    fine, coarse = (np.percentile(np.abs(levels[at] - levels[at + 1]), 98) for at in (0, 2))
    return float(fine / max(float(coarse), 1.0))


def burnt_out(picture: U8, face: FaceLandmarks) -> float:
    """The part of the face's skin that is too bright to have any shape."""
    brows = np.concatenate([face.curve("right_brow")[::-1], face.curve("left_brow")[::-1]])
    skin = picture[_filled(picture, np.concatenate([face.curve("jaw"), brows]))].astype(int)
    return float(((skin.max(axis=1) >= FULL) & (skin.mean(axis=1) >= BRIGHT)).mean()) if len(skin) else 0.0


def lip_contrast(picture: U8, face: FaceLandmarks) -> float:
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


def lit_skin(picture: U8, face: FaceLandmarks) -> float:
    """How bright the lit places of the face are, 0..255."""
    outline = np.concatenate([face.curve("jaw"), face.eye_corners[::-1]])
    skin = picture[_filled(picture, outline)]
    return float(np.quantile(skin.mean(axis=1), LIT_QUANTILE)) if len(skin) else 0.0


def _face_box(picture: U8, face: FaceLandmarks) -> U8:
    """The upright rectangle around the landmarks; the whole picture where they lie outside of it."""
    (left, top), (right, bottom) = face.points.min(axis=0).astype(int), face.points.max(axis=0).astype(int)
    box = picture[max(top, 0) : bottom + 1, max(left, 0) : right + 1]
    return np.ascontiguousarray(box if box.size else picture)


def _filled(picture: U8, outline: F64) -> NDArray[np.bool_]:
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16 - 8).astype(np.int32)], 1, cv2.LINE_8, 4)
    return mask.astype(bool)
