"""The picture of a face with its lips closed, whatever they were. Knows nothing of landmarks."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.canonical import CanonicalMouth
from engines.face.enrolment.mouth_fit import LOWER, UPPER, MouthFit
from engines.face.inverse_map import InverseMap, Raster

SEAM_WIDTH = 0.008  # inter-ocular distances: half the width of the shadow between closed lips
SEAM_DARKNESS = 0.55  # of the light that the shadow takes, where parted lips were closed

Floats = NDArray[np.float64]
Picture = NDArray[np.uint8]


def close_lips(canonical: CanonicalMouth, picture: Picture, fit: MouthFit) -> Picture:
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


def _shaded(picture: Picture, seam: Floats, gap: Floats, interocular: float) -> Picture:
    """Darken the line where lips meet that did not meet before: parted lips have no shadow between them to bend."""
    half = SEAM_WIDTH * interocular
    light = np.full(picture.shape[:2], 255, np.uint8)
    for start, end, apart in zip(seam[:-1], seam[1:], (gap[:-1] + gap[1:]) / 2, strict=True):
        dark = 1 - SEAM_DARKNESS * float(np.clip(apart / (4 * half), 0, 1))
        ends = [tuple(round(16 * value) for value in point) for point in (start, end)]
        cv2.line(light, ends[0], ends[1], round(255 * dark), max(1, round(1.5 * half)), cv2.LINE_AA, 4)
    soft = cv2.GaussianBlur(light.astype(np.float32) / 255, (0, 0), max(0.6, half))
    return np.asarray(np.rint(picture * soft[..., None]), np.uint8)


def _pixels(crop: Floats, points: Floats) -> Floats:
    """Crop coordinates → pixels whose centres lie at whole numbers, as cv2 counts them."""
    return np.asarray(points @ crop[:, :2].T + crop[:, 2] - 0.5)
