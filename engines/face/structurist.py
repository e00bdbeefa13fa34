"""The Structurist: lips of one, looks of the other. Moves a presenter's own mouth to a wanted lip shape.

Knows nothing of sound, streams or time, and learns nothing: it has no trainable parameter. Paper: FreeTalkDiff,
section "Structurist"; there a 3DMM is fitted to both faces, here the presenter's mesh is exact and known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32, F64, I32, U8
from engines.face.geometry import HALF_PIXEL, MouthGeometry, MouthShape
from engines.face.interior import MouthInterior, MouthInteriorTextures
from engines.face.inverse_map import InverseMap, Raster
from engines.face.tensors import FaceTensors
from engines.motion import LipMotion


@dataclass(frozen=True, slots=True, eq=False)
class MouthWarp:
    """Where a moved mouth takes its pixels from, at a Structurist's output size; valid until its next move.

    offsets: see InverseMap; source and output (2, 3): crop coordinates to pixels of either, centres at whole numbers.
    """

    shape: MouthShape
    coefficients: F32
    offsets: F32
    source: F64
    output: F64


class Structurist:
    """Draws one presenter's mouth into pictures of one size. Holds tables and buffers, no history."""

    __slots__ = ("_geometry", "_inverse_map", "_painter")

    def __init__(
        self, face: FaceTensors, height: int, width: int, scale: float, textures: MouthInteriorTextures | None = None
    ) -> None:
        """height, width of the output in pixels; scale: about how many per crop unit; textures: the shared cache."""
        self._geometry = MouthGeometry(face)
        triangles = np.concatenate([_bridge(face.inner_upper, face.inner_lower), face.triangles])
        self._inverse_map = InverseMap(triangles, height, width)
        self._painter = WarpPainter(face, height, width, scale, textures)

    def draw(self, image: U8, alignment: NDArray[np.floating], to_output: F64, motion: LipMotion) -> U8:
        """The mouth of image moved as motion says: (height, width, 3) uint8, freshly allocated.

        image: (h, w, 3) uint8, the presenter with the mouth at rest; alignment (2, 3): crop coordinates to its
        frame coordinates; to_output (2, 3): crop coordinates to output coordinates.
        """
        return self.paint(image, self.move(alignment, to_output, motion))

    def move(self, alignment: NDArray[np.floating], to_output: F64, motion: LipMotion) -> MouthWarp:
        """The warp of one frame, without its pixels; see draw."""
        shape = self._geometry.pose(motion.coefficients)
        output, source = to_output - HALF_PIXEL, np.asarray(alignment, np.float64) - HALF_PIXEL
        target = _apply(output, shape.vertices)
        # Offsets are differences of crop coordinates: exactly 0 where nothing has warp.
        offset = (shape.texture - shape.vertices) @ source[:, :2].T
        offsets = self._inverse_map.offsets(target, offset.astype(np.float32))
        return MouthWarp(shape, motion.coefficients, offsets, source, output)

    def paint(self, image: U8, warp: MouthWarp) -> U8:
        """What draw gives, from a warp of the image."""
        return self._painter.paint(image, warp)


class WarpPainter:
    """Draws one presenter at one output size from a warp."""

    __slots__ = ("_interior", "_raster")

    def __init__(
        self, face: FaceTensors, height: int, width: int, scale: float, textures: MouthInteriorTextures | None = None
    ) -> None:
        self._interior = MouthInterior(face, scale, textures)
        self._raster = Raster(height, width)

    def paint(self, image: U8, warp: MouthWarp) -> U8:
        """(height, width, 3) uint8, freshly allocated."""
        map_x, map_y = self._raster.positions(warp.offsets, _compose(warp.source, _inverse(warp.output)))
        # Cubic: linear would soften the skin, and visibly so whenever a still face begins to speak.
        picture = cv2.remap(image, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        drawn: U8 = np.asarray(picture, np.uint8)
        self._interior.draw(drawn, warp.shape, warp.coefficients, warp.output)
        return drawn


class StructureFrames:
    """Structure frames of one presenter: the crop, (size, size, 3) uint8, with the wanted lip shape."""

    __slots__ = ("_structurist", "_to_output")

    def __init__(self, face: FaceTensors, size: int = 128) -> None:
        self._structurist = Structurist(face, size, size, float(size))
        self._to_output = _to_square(size)

    def draw(self, image: U8, alignment: NDArray[np.floating], motion: LipMotion) -> U8:
        """The structure frame of image, whose mouth is at rest and whose crop alignment (2, 3) places."""
        return self._structurist.draw(image, alignment, self._to_output, motion)


class ResampledStructure:
    """Structure frames from a warp of another size: its offsets are resampled, the mesh is not rasterised again.

    Nearly what StructureFrames draws: along folds of the mesh single pixels differ.
    """

    __slots__ = ("_offsets", "_output", "_painter", "_size")

    def __init__(self, face: FaceTensors, size: int, textures: MouthInteriorTextures | None = None) -> None:
        self._painter = WarpPainter(face, size, size, float(size), textures)
        self._output = _to_square(size) - HALF_PIXEL
        self._offsets = np.empty((2, size, size), np.float32)
        self._size = (size, size)

    def draw(self, image: U8, warp: MouthWarp) -> U8:
        """(size, size, 3) uint8, freshly allocated. image: the frame that the warp is of."""
        to_warp = _compose(warp.output, _inverse(self._output))
        for found, offsets in zip(self._offsets, warp.offsets, strict=True):
            cv2.warpAffine(offsets, to_warp, self._size, dst=found, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        return self._painter.paint(image, replace(warp, offsets=self._offsets, output=self._output))


def _to_square(size: int) -> F64:
    """Crop coordinates to coordinates of a picture of the crop."""
    return np.array([[size, 0.0, 0.0], [0.0, size, 0.0]])


def _bridge(upper: I32, lower: I32) -> I32:
    """Triangles across the opening, painted first: they carry the lips' looks under the anti-aliased edge."""
    quads = np.stack([upper[:-1], upper[1:], lower[1:], lower[:-1]], axis=1)
    bridge: I32 = np.concatenate([quads[:, [0, 1, 2]], quads[:, [0, 2, 3]]]).astype(np.int32)
    return bridge


def _apply(affine: F64, points: F32) -> F32:
    moved: F32 = (points @ affine[:, :2].T + affine[:, 2]).astype(np.float32)
    return moved


def _inverse(affine: F64) -> F64:
    linear = np.linalg.inv(affine[:, :2])
    return np.concatenate([linear, -linear @ affine[:, 2:]], axis=1)


def _compose(outer: F64, inner: F64) -> F64:
    linear = outer[:, :2] @ inner[:, :2]
    return np.concatenate([linear, outer[:, :2] @ inner[:, 2:] + outer[:, 2:]], axis=1)
