"""The Structurist: lips of one, looks of the other. Moves a presenter's own mouth to a wanted lip shape.

Knows nothing of sound, streams or time, and learns nothing: it has no trainable parameter. Paper: FreeTalkDiff,
section "Structurist"; there a 3DMM is fitted to both faces, here the presenter's mesh is exact and known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.geometry import MouthGeometry, MouthShape
from engines.face.interior import MouthInterior, Plates
from engines.face.inverse_map import InverseMap, Raster
from engines.face.tensors import FaceTensors
from engines.motion import LipMotion

Affine = NDArray[np.float64]
Picture = NDArray[np.uint8]

# Frame and crop coordinates put a pixel's centre at ½; cv2 puts it at 0.
HALF_PIXEL = np.array([[0, 0, 0.5], [0, 0, 0.5]])


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """A mouth moved in a picture of a Structurist's size; holds until that one moves the next.

    offsets: see InverseMap; source and output (2, 3): crop coordinates to pixels of either, centres at whole numbers.
    """

    shape: MouthShape
    coefficients: NDArray[np.float32]
    offsets: NDArray[np.float32]
    source: Affine
    output: Affine


class Structurist:
    """Draws one presenter's mouth into pictures of one size. Holds tables and buffers, no history."""

    __slots__ = ("_canvas", "_geometry", "_inverse_map")

    def __init__(self, face: FaceTensors, height: int, width: int, scale: float, plates: Plates | None = None) -> None:
        """height, width of the output in pixels; scale: output pixels per crop unit, about; plates: see Plates."""
        self._geometry = MouthGeometry(face)
        triangles = np.concatenate([_bridge(face.inner_upper, face.inner_lower), face.triangles])
        self._inverse_map = InverseMap(triangles, height, width)
        self._canvas = Canvas(face, height, width, scale, plates)

    def draw(self, image: Picture, alignment: NDArray[np.floating], to_output: Affine, motion: LipMotion) -> Picture:
        """The mouth of image moved as motion says: (height, width, 3) uint8, freshly allocated.

        image: (h, w, 3) uint8, the presenter with the mouth at rest; alignment (2, 3): crop coordinates to its
        frame coordinates; to_output (2, 3): crop coordinates to output coordinates.
        """
        return self.paint(image, self.move(alignment, to_output, motion))

    def move(self, alignment: NDArray[np.floating], to_output: Affine, motion: LipMotion) -> Moved:
        """What draw needs but the picture."""
        shape = self._geometry.pose(motion.coefficients)
        output, source = to_output - HALF_PIXEL, np.asarray(alignment, np.float64) - HALF_PIXEL
        target = _apply(output, shape.vertices)
        # Offsets are differences of crop coordinates: exactly 0 where nothing has moved.
        offset = (shape.texture - shape.vertices) @ source[:, :2].T
        offsets = self._inverse_map.offsets(target, offset.astype(np.float32))
        return Moved(shape, motion.coefficients, offsets, source, output)

    def paint(self, image: Picture, moved: Moved) -> Picture:
        """What draw gives, once it is known what moves where."""
        return self._canvas.paint(image, moved)


class Canvas:
    """Pictures of one size, and what is drawn into them of one presenter."""

    __slots__ = ("_interior", "_raster")

    def __init__(self, face: FaceTensors, height: int, width: int, scale: float, plates: Plates | None = None) -> None:
        self._interior = MouthInterior(face, scale, plates)
        self._raster = Raster(height, width)

    def paint(self, image: Picture, moved: Moved) -> Picture:
        """(height, width, 3) uint8, freshly allocated."""
        map_x, map_y = self._raster.place(moved.offsets, _compose(moved.source, _inverse(moved.output)))
        # Cubic: linear would soften the skin, and visibly so whenever a still face begins to speak.
        picture = cv2.remap(image, map_x, map_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        drawn: Picture = np.asarray(picture, np.uint8)
        self._interior.draw(drawn, moved.shape, moved.coefficients, moved.output)
        return drawn


class StructureFrames:
    """Structure frames of one presenter: the crop, (size, size, 3) uint8, with the wanted lip shape."""

    __slots__ = ("_structurist", "_to_output")

    def __init__(self, face: FaceTensors, size: int = 128) -> None:
        self._structurist = Structurist(face, size, size, float(size))
        self._to_output = _to_square(size)

    def draw(self, image: Picture, alignment: NDArray[np.floating], motion: LipMotion) -> Picture:
        """The structure frame of image, whose mouth is at rest and whose crop alignment (2, 3) places."""
        return self._structurist.draw(image, alignment, self._to_output, motion)


class SecondSize:
    """Structure frames of a mouth that was moved for another size already: the mesh is not painted again.

    Nearly what StructureFrames draws: offsets are looked up between the other size's pixels, so that along folds of the
    mesh single pixels differ.
    """

    __slots__ = ("_canvas", "_offsets", "_output", "_size")

    def __init__(self, face: FaceTensors, size: int, plates: Plates | None = None) -> None:
        self._canvas = Canvas(face, size, size, float(size), plates)
        self._output = _to_square(size) - HALF_PIXEL
        self._offsets = np.empty((2, size, size), np.float32)
        self._size = (size, size)

    def draw(self, image: Picture, moved: Moved) -> Picture:
        """(size, size, 3) uint8 of the image that moved is of, freshly allocated."""
        place = _compose(moved.output, _inverse(self._output))
        for found, offsets in zip(self._offsets, moved.offsets, strict=True):
            cv2.warpAffine(offsets, place, self._size, dst=found, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
        return self._canvas.paint(image, replace(moved, offsets=self._offsets, output=self._output))


def _to_square(size: int) -> Affine:
    """Crop coordinates to coordinates of a picture of the crop."""
    return np.array([[size, 0.0, 0.0], [0.0, size, 0.0]])


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
