"""Teeth and tongue for a mouth that shows none: the canonical ones, placed, scaled and lit as the portrait is.

Knows nothing of lips.
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.arrays import F64, U8
from engines.face.enrolment.canonical import AROUND, CanonicalMouth
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.mouth_fit import UPPER, MouthFit
from engines.face.enrolment.pose import HeadPose

TEETH_DEPTH = 0.06  # inter-ocular distances from the lips back to the front teeth
SHOWING = 0.012  # inter-ocular distances: how far the upper teeth hang lower than the mean head's
SMILING = 0.35  # of parted lips' gap: as far below the line to which they are closed the teeth were seen
WIDTHS = (0.85, 1.1)  # teeth of wide and narrow mouths differ less than the mouths
ENAMEL = np.array([1.16, 1.12, 1.04])  # the teeth's colour beside the light's; the lips' shade is drawn over it
WHITE_QUANTILE = 0.85  # of an eye's pixels: the white's, above iris, lids and lashes
SKIN_QUANTILE = 0.95
SKIN_SHARE = 0.8  # teeth are not darker than this much of the skin's lit places
TINT = 0.6  # how much of the eye white's tint is the light's
GAINS = (0.25, 1.6)
ENAMEL_QUANTILE = 0.7  # of the texture's teeth: the fronts of the front ones
PALE = 0.25  # of saturation: gums have more


def fitted_textures(canonical: CanonicalMouth, fit: MouthFit, pose: HeadPose, light: F64) -> tuple[U8, U8, U8]:
    """interior_upper, interior_lower and cavity for a mouth; light: (3,), see light_of."""
    size = canonical.textures[0].shape[0]
    place = _placement(canonical, fit, pose)
    pixels = place.copy()
    pixels[:, 2] = size * place[:, 2] + 0.5 * (place[:, 0] + place[:, 1]) - 0.5
    gain = np.clip(light * ENAMEL / _enamel(canonical.textures[0]), *GAINS)
    textures = []
    for texture in canonical.textures:
        colour = texture.astype(np.float32)
        alpha = colour[..., 3:] / 255
        colour[..., :3] = alpha * np.minimum(colour[..., :3] * gain, 250)
        moved = np.asarray(cv2.warpAffine(colour, pixels, (size, size), flags=cv2.INTER_LINEAR), np.float32)
        straight = moved[..., :3] / np.maximum(moved[..., 3:] / 255, 1e-3)
        textures.append(np.rint(np.clip(np.dstack([straight, moved[..., 3]]), 0, 255)).astype(np.uint8))
    cavity = np.rint(np.clip(canonical.cavity * gain, 0, 255)).astype(np.uint8)
    return textures[0], textures[1], cavity


def light_of(picture: U8, face: FaceLandmarks) -> F64:
    """(3,) in 0..255: what a white surface in the mouth's place would look like, from eye whites and skin."""
    eyes = np.concatenate([_inside(picture, _outline(face, side)) for side in ("left_eye", "right_eye")])
    cheeks = np.concatenate([face.curve("jaw")[3:-3], face.eye_corners[::-1]])
    skin = _inside(picture, cheeks)
    bright = eyes.mean(axis=1) >= np.quantile(eyes.mean(axis=1), WHITE_QUANTILE)
    white = eyes[bright].mean(axis=0)
    lit = float(np.quantile(skin.mean(axis=1), SKIN_QUANTILE))
    level = max(float(white.mean()), SKIN_SHARE * lit)
    tint = white / max(float(white.mean()), 1.0)
    return np.asarray(np.clip(level * (1 + TINT * (tint - 1)), 0, 255))


def _placement(canonical: CanonicalMouth, fit: MouthFit, pose: HeadPose) -> F64:
    """(2, 3): the textures' crop coordinates to this crop's."""
    corners = fit.mesh[UPPER[[0, -1]]]
    lean = np.radians(pose.roll)
    upright = np.array([[np.cos(lean), np.sin(lean)], [-np.sin(lean), np.cos(lean)]])
    turn = upright @ pose.rotation
    own = np.linalg.norm(corners[1] - corners[0]) / max(abs(turn[0, 0]), 0.5)
    across = np.clip(own / np.linalg.norm(canonical.texture_corners[1] - canonical.texture_corners[0]), *WIDTHS)
    size = fit.interocular / canonical.texture_interocular
    linear = size * turn[:, :2] @ np.diag([across, 1.0])
    centre = UPPER[len(UPPER) // 2]
    gap = float(np.linalg.norm(fit.seen[AROUND - centre] - fit.seen[centre]))
    behind = TEETH_DEPTH * fit.interocular * turn[0, 2]
    middle = fit.mesh[centre] + (-behind, SHOWING * fit.interocular + SMILING * gap)
    return np.column_stack([linear, middle - linear @ canonical.texture_middle])


def _enamel(texture: U8) -> F64:
    """The colour of the texture's front teeth in full light."""
    solid = texture[texture[..., 3] > 250][:, :3].astype(np.float64)
    teeth = solid[solid.min(axis=1) > (1 - PALE) * solid.max(axis=1)]
    bright = teeth.mean(axis=1) >= np.quantile(teeth.mean(axis=1), ENAMEL_QUANTILE)
    return np.asarray(np.median(teeth[bright], axis=0))


def _outline(face: FaceLandmarks, eye: str) -> F64:
    return np.concatenate([face.curve(f"{eye}_upper"), face.curve(f"{eye}_lower")[-2:0:-1]])


def _inside(picture: U8, outline: F64) -> F64:
    """(n, 3) pixels inside an outline; at least those on it."""
    mask = np.zeros(picture.shape[:2], np.uint8)
    cv2.fillPoly(mask, [np.rint(outline * 16 - 8).astype(np.int32)], 255, cv2.LINE_8, 4)
    return picture[mask > 0].astype(np.float64).reshape(-1, 3)
