"""A picture with its lips or its eyes closed. Knows nothing of time.

Lips are bent together; the upper lids' skin is pulled down over the eyes.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32, F64, U8
from engines.face.enrolment.canonical import CanonicalMouth
from engines.face.enrolment.landmarks import FaceLandmarks, along
from engines.face.enrolment.mouth_fit import LOWER, UPPER, MouthFit
from engines.face.inverse_map import InverseMap, Raster

SEAM_WIDTH = 0.008  # inter-ocular distances: half the width of the shadow between closed lips
SEAM_DARKNESS = 0.55  # of the light that the shadow takes, where parted lips were closed


FOLD = 0.17  # inter-ocular distances above the lid's edge: skin that stretches in a blink
LEAST_FOLD = 0.05  # of it; where glasses sit lower on the lids, there is nothing to stretch, and no blink
RIM = 0.5  # of the skin's brightness: darker, above the lid, is the rim of glasses or a brow, which stay
LASHES = 0.012  # the lid's edge with its lashes, which moves without stretching
MEETING = 0.9  # where lids meet, as part of the way from the upper to the lower one
SHADE = 0.06  # light that a lowered lid loses, being turned down


def close_lips(canonical: CanonicalMouth, picture: U8, fit: MouthFit) -> U8:
    """picture: (h, w, 3); its pixels bent so that fit.seen becomes fit.mesh. The same where nothing moves."""
    target, source = (_pixels(fit.crop, points) for points in (fit.mesh, fit.seen))
    if np.abs(target - source).max() < 0.25:
        return picture
    height, width = picture.shape[:2]
    inverse = InverseMap(canonical.triangles, height, width)
    offsets = inverse.offsets(target.astype(np.float32), (source - target).astype(np.float32))
    identity = np.array([[1.0, 0, 0], [0, 1.0, 0]])
    map_x, map_y = Raster(height, width).positions(offsets, identity)
    closed = np.asarray(cv2.remap(picture, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE), np.uint8)
    gap = np.linalg.norm(source[LOWER] - source[UPPER], axis=1)
    return _shaded(closed, target[UPPER], gap, fit.interocular * float(np.linalg.norm(fit.crop[:, 0])))


def _shaded(picture: U8, seam: F64, gap: F64, interocular: float) -> U8:
    """Darken the line where lips meet that did not meet before: parted lips have no shadow between them to bend."""
    half = SEAM_WIDTH * interocular
    light = np.full(picture.shape[:2], 255, np.uint8)
    for start, end, apart in zip(seam[:-1], seam[1:], (gap[:-1] + gap[1:]) / 2, strict=True):
        dark = 1 - SEAM_DARKNESS * float(np.clip(apart / (4 * half), 0, 1))
        ends = [tuple(round(16 * value) for value in point) for point in (start, end)]
        cv2.line(light, ends[0], ends[1], round(255 * dark), max(1, round(1.5 * half)), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(light.astype(np.float32) / 255, (0, 0), max(0.6, half))
    return np.asarray(np.rint(picture * soft[..., None]), np.uint8)


def _pixels(crop: F64, points: F64) -> F64:
    """Crop coordinates → pixels whose centres lie at whole numbers, as cv2 counts them."""
    return np.asarray(points @ crop[:, :2].T + crop[:, 2] - 0.5)


def close_eyes(picture: U8, face: FaceLandmarks, closure: float) -> U8:
    """A copy of picture (h, w, 3) with both eyes closed by closure in [0, 1].

    The picture itself at 0, and where the rim of glasses lies on a lid: better no blink than a wink.
    """
    if closure <= 0:
        return picture
    shut = picture.copy()
    closed = [_close(shut, picture, face, eye, closure) for eye in ("left_eye", "right_eye")]
    return shut if all(closed) else picture


def _close(shut: U8, picture: U8, face: FaceLandmarks, eye: str, closure: float) -> bool:
    """Close one eye in shut, if there is skin above it to pull down."""
    unit = face.interocular
    even = np.linspace(0, 1, 64)
    upper, lower = along(face.curve(f"{eye}_upper"), even), along(face.curve(f"{eye}_lower"), even)
    left, right = int(np.ceil(upper[0, 0])), int(np.floor(upper[-1, 0]))
    top = max(int(upper[:, 1].min() - FOLD * unit) - 2, 0)
    bottom = min(int(max(lower[:, 1].max(), upper[:, 1].max())) + 4, picture.shape[0])
    columns = np.arange(max(left, 0), min(right + 1, picture.shape[1]), dtype=np.float32)
    rows = np.arange(top, bottom, dtype=np.float32)[:, None]
    if not len(columns) or not len(rows):
        return True
    # Pixels have their centres at ½ in landmarks and at whole numbers in cv2.
    edge = np.interp(columns + 0.5, *_function(upper)) - 0.5
    floor = np.interp(columns + 0.5, *_function(lower)) - 0.5
    drop = closure * MEETING * np.maximum(floor - edge, 0)
    lashes = LASHES * unit
    edge = edge + lashes / 2
    lid = edge + drop  # where the lid's edge is now
    skin = _free_skin(picture, columns, edge, unit)
    if skin[len(skin) // 4 : -len(skin) // 4].min(initial=FOLD * unit) < LEAST_FOLD * unit:
        return False
    fold = edge - np.maximum(skin, LEAST_FOLD * unit)
    part = np.clip((rows - fold) / np.maximum(lid - lashes - fold, 1), 0, 1)
    source = rows - drop * part * part * (3 - 2 * part)
    across = np.broadcast_to(columns, source.shape)
    pulled = cv2.remap(
        picture, across.astype(np.float32), source.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    )
    covered = np.clip(lid - rows + 0.5, 0, 1) * np.clip(drop, 0, 1)
    shade = 1 - SHADE * closure * part * np.clip(drop / (0.05 * unit), 0, 1)
    window = shut[top:bottom, int(columns[0]) : int(columns[-1]) + 1]
    mixed = window + covered[..., None] * (pulled * shade[..., None] - window)
    window[...] = np.rint(np.clip(mixed, 0, 255))
    return True


def _free_skin(picture: U8, columns: F32, edge: NDArray[np.floating], unit: float) -> NDArray[np.floating]:
    """How far above the lid's edge bare skin goes, in pixels, for each column."""
    distances = np.arange(LEAST_FOLD * unit, FOLD * unit, dtype=np.float32)[:, None]
    if not len(distances):
        return np.full(len(columns), FOLD * unit)
    across = np.broadcast_to(columns, (len(distances), len(columns))).astype(np.float32)
    above = cv2.remap(picture, across, (edge - distances).astype(np.float32), cv2.INTER_LINEAR).mean(axis=2)
    dark = above < RIM * np.quantile(above, 0.7)
    first = np.where(dark.any(axis=0), dark.argmax(axis=0), len(distances)).astype(np.float32)
    lowest = cv2.erode(first[None], np.ones((1, max(1, round(0.1 * unit))), np.uint8))
    smooth = cv2.GaussianBlur(lowest, (0, 0), max(0.5, 0.03 * unit), borderType=cv2.BORDER_REPLICATE)[0]
    return np.asarray(smooth + (LEAST_FOLD - 0.02) * unit)


def _function(curve: F64) -> tuple[F64, F64]:
    """A curve as y over x: x made to rise, as lids at their corners may lean back."""
    return np.maximum.accumulate(curve[:, 0]), curve[:, 1]
