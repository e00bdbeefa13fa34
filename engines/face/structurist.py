"""The Structurist: lips of one, looks of the other. Moves a presenter's own mouth to a wanted lip shape.

Knows nothing of sound, streams or time, and learns nothing: it has no trainable parameter. Paper: FreeTalkDiff,
section "Structurist"; there a 3DMM is fitted to both faces, here the presenter's mesh is exact and known.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import MouthGeometry
from engines.face.interior import MouthInterior
from engines.face.inverse_map import InverseMap
from engines.face.tensors import FaceTensors
from engines.motion import LipMotion

Affine = NDArray[np.float64]

# Frame and crop coordinates put a pixel's centre at ½; cv2 puts it at 0.
HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5]])


class Structurist:
    """Draws one presenter's mouth into pictures of one size. Holds tables and buffers, no history."""

    __slots__ = ("_geometry", "_interior", "_inverse_map")

    def __init__(self, face: FaceTensors, height: int, width: int, scale: float) -> None:
        """height, width of the output in pixels; scale: output pixels per crop unit, about."""
        self._geometry = MouthGeometry(face)
        self._interior = MouthInterior(face, scale)
        triangles = np.concatenate([_bridge(face.inner_upper, face.inner_lower), face.triangles])
        self._inverse_map = InverseMap(triangles, height, width)

    def draw(
        self, image: NDArray[np.uint8], alignment: NDArray[np.floating], to_output: Affine, motion: LipMotion
    ) -> NDArray[np.uint8]:
        """The mouth of image moved as motion says: (height, width, 3) uint8, freshly allocated.

        image: (h, w, 3) uint8, the presenter with the mouth at rest; alignment (2, 3): crop coordinates to its
        frame coordinates; to_output (2, 3): crop coordinates to output coordinates.
        """
        shape = self._geometry.pose(motion.coefficients)
        out, source = to_output - HALF_PIXEL, np.asarray(alignment, np.float64) - HALF_PIXEL
        common = _compose(source, _inverse(out))
        target = _apply(out, shape.vertices)
        # Offsets are differences of crop coordinates: exactly 0 where nothing has moved.
        offset = (shape.texture - shape.vertices) @ source[:, :2].T
        map_x, map_y = self._inverse_map.fill(target, offset.astype(np.float32), common)
        # Cubic: linear would soften the skin, and visibly so whenever a still face begins to speak.
        picture = cv2.remap(image, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        drawn: NDArray[np.uint8] = np.asarray(picture, np.uint8)
        self._interior.draw(drawn, shape, motion.coefficients, out)
        return drawn


class StructureFrames:
    """Structure frames of one presenter: the crop, (size, size, 3) uint8, with the wanted lip shape."""

    __slots__ = ("_structurist", "_to_output")

    def __init__(self, face: FaceTensors, size: int = 128) -> None:
        self._structurist = Structurist(face, size, size, float(size))
        self._to_output = np.array([[size, 0.0, 0.0], [0.0, size, 0.0]])

    def draw(self, image: NDArray[np.uint8], alignment: NDArray[np.floating], motion: LipMotion) -> NDArray[np.uint8]:
        """The structure frame of image, whose mouth is at rest and whose crop alignment (2, 3) places."""
        return self._structurist.draw(image, alignment, self._to_output, motion)


def _bridge(upper: NDArray[np.int32], lower: NDArray[np.int32]) -> NDArray[np.int32]:
    """Triangles across the opening, painted first: they carry the lips' looks under the anti-aliased edge."""
    quads = np.stack([upper[:-1], upper[1:], lower[1:], lower[:-1]], axis=1)
    bridge: NDArray[np.int32] = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    return bridge


def _apply(affine: Affine, points: NDArray[np.float32]) -> NDArray[np.float32]:
    moved: NDArray[np.float32] = (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)
    return moved


def _inverse(affine: Affine) -> Affine:
    linear = np.linalg.inv(affine[:, :2])
    return np.concatenate([linear, -linear @ affine[:, 2:]], axis=1)


def _compose(outer: Affine, inner: Affine) -> Affine:
    linear = outer[:, :2] @ inner[:, :2]
    return np.concatenate([linear, outer[:, :2] @ inner[:, 2:] + outer[:, 2:]], axis=1)
