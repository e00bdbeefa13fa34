"""Closes the eyes of a picture: the upper lids' skin is pulled down over them. Knows nothing of time."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.landmarks import FaceLandmarks, along

FOLD = 0.17  # inter-ocular distances above the lid's edge: skin that stretches in a blink
LEAST_FOLD = 0.05  # of it; where glasses sit lower on the lids, there is nothing to stretch, and no blink
RIM = 0.5  # of the skin's brightness: darker, above the lid, is the rim of glasses or a brow, which stay
LASHES = 0.012  # the lid's edge with its lashes, which moves without stretching
MEETING = 0.9  # where lids meet, as part of the way from the upper to the lower one
SHADE = 0.06  # light that a lowered lid loses, being turned down

Picture = NDArray[np.uint8]
Floats = NDArray[np.float32]


def close_eyes(picture: Picture, face: FaceLandmarks, closure: float) -> Picture:
    """A copy of picture (h, w, 3) with both eyes closed by closure in [0, 1].

    The picture itself at 0, and where the rim of glasses lies on a lid: better no blink than a wink.
    """
    if closure <= 0:
        return picture
    shut = picture.copy()
    closed = [_close(shut, picture, face, eye, closure) for eye in ("left_eye", "right_eye")]
    return shut if all(closed) else picture


def _close(shut: Picture, picture: Picture, face: FaceLandmarks, eye: str, closure: float) -> bool:
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


def _free_skin(picture: Picture, columns: Floats, edge: NDArray[np.floating], unit: float) -> NDArray[np.floating]:
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


def _function(curve: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """A curve as y over x: x made to rise, as lids at their corners may lean back."""
    return np.maximum.accumulate(curve[:, 0]), curve[:, 1]
