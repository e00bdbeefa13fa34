"""The feathered mask of a mouth: all that speech moves, and nothing more. Knows nothing of pixels' colours."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

SIZE = 256
STILL = 0.004  # crop units, half a pixel or so: what moves less than this at any coefficient need not be redrawn
MOVING = 0.012  # what moves more is redrawn wholly
FEATHER = 0.02  # crop units, of the blur that joins both
FRAME = 0.04  # crop units along the crop's border that stay untouched

Floats = NDArray[np.float64]


def moving_mask(mesh: Floats, basis: Floats, triangles: NDArray[np.int32]) -> NDArray[np.uint8]:
    """mesh (V, 2), basis (14, V, 2), triangles (T, 3) → (SIZE, SIZE) uint8, 0 along the border."""
    reach = np.linalg.norm(basis, axis=2).max(axis=0)
    # A moving part is drawn where it was and where it comes to: paint the mesh in every extreme pose.
    field = np.zeros((SIZE, SIZE), np.float32)
    values = reach[triangles].mean(axis=1)
    order = np.argsort(values)
    ranked = np.concatenate([[0], values[order]]).astype(np.float32)
    layer = np.zeros((SIZE, SIZE), np.int32)  # numbers are painted: OpenCV 5 rounds colours of float pictures
    for pose in (mesh, *(mesh + move for move in basis)):
        corners = np.rint(pose[triangles] * SIZE * 16 - 8).astype(np.int32)
        layer.fill(0)
        for rank, number in enumerate(order, start=1):
            cv2.fillConvexPoly(layer, corners[number], rank, cv2.LINE_8, 4)
        field = np.maximum(field, ranked[layer])
    weight = np.clip((field - STILL) / (MOVING - STILL), 0, 1)
    soft = cv2.GaussianBlur(weight, (0, 0), FEATHER * SIZE)
    axis = (np.arange(SIZE) + 0.5) / SIZE
    inside = np.clip((np.minimum(axis, 1 - axis) - FRAME / 4) / FRAME, 0, 1)
    inside = inside * inside * (3 - 2 * inside)
    mask: NDArray[np.uint8] = np.rint(255 * soft * inside[:, None] * inside[None]).astype(np.uint8)
    return mask
