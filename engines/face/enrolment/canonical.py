"""The canonical mouth and face that are fitted to portraits, as they ship. Knows nothing of portraits.

Derived from the ICT face model by scripts/tools/canonical_mouth.py. Lengths are in inter-ocular distances of the mean
head; x to the right in the picture, y down, z towards the viewer; the origin is the middle of the lips.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file

from engines.arrays import F64, I32, U8
from engines.face.enrolment.landmarks import from_curves

FOLDER = Path(__file__).parent / "canonical"
AROUND = 32  # vertices of a ring of the mouth mesh: left corner, upper arc, right corner, lower arc back
BORDER_RING = 3  # the ring on the lips' vermilion border; the first is where the lips meet
RINGS = 8


@dataclass(frozen=True, slots=True, eq=False)
class CanonicalMouth:
    """rest (V, 3) with V = RINGS · AROUND, basis (14, V, 3), jaw (14, 3) and landmarks (TOTAL, 3) float64.

    triangles (T, 3), inner_upper and inner_lower (17,) int32: of the mesh with the rings of the picture added.
    textures: (upper, lower), each (h, w, 4) uint8 RGBA over a crop in which the mouth's corners lie at texture_corners
    (2, 2), the middle of the line where the lips meet at texture_middle (2,), and an inter-ocular distance is
    texture_interocular. cavity: (3,) uint8.
    """

    rest: F64
    basis: F64
    jaw: F64
    landmarks: F64
    triangles: I32
    inner_upper: I32
    inner_lower: I32
    textures: tuple[U8, U8]
    texture_corners: F64
    texture_middle: F64
    texture_interocular: float
    cavity: U8


@cache
def canonical_mouth() -> CanonicalMouth:
    tensors: dict[str, NDArray[Any]] = load_file(FOLDER / "mouth.safetensors")
    return CanonicalMouth(
        rest=tensors["rest"].astype(np.float64),
        basis=tensors["basis"].astype(np.float64),
        jaw=tensors["jaw"].astype(np.float64),
        landmarks=_from_68(tensors["landmarks68"].astype(np.float64)),
        triangles=tensors["triangles"],
        inner_upper=tensors["inner_upper"],
        inner_lower=tensors["inner_lower"],
        textures=(_texture("teeth_upper.png"), _texture("teeth_lower.png")),
        texture_corners=tensors["plate_corners"].astype(np.float64),
        texture_middle=tensors["plate_middle"].astype(np.float64),
        texture_interocular=float(tensors["plate_interocular"]),
        cavity=tensors["cavity"],
    )


def _texture(name: str) -> U8:
    picture = cv2.imread(str(FOLDER / name), cv2.IMREAD_UNCHANGED)
    assert picture is not None, name
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGRA2RGBA), np.uint8)


def _from_68(points: F64) -> F64:
    """The curves of the 68 points in Multi-PIE order."""

    def run(*numbers: int) -> F64:
        return points[list(numbers)]

    return from_curves(
        {
            "lip_outer_upper": run(48, 49, 50, 51, 52, 53, 54),
            "lip_outer_lower": run(48, 59, 58, 57, 56, 55, 54),
            "lip_inner_upper": run(60, 61, 62, 63, 64),
            "lip_inner_lower": run(60, 67, 66, 65, 64),
            "left_eye_upper": run(36, 37, 38, 39),
            "left_eye_lower": run(36, 41, 40, 39),
            "right_eye_upper": run(42, 43, 44, 45),
            "right_eye_lower": run(42, 47, 46, 45),
            "left_brow": run(17, 18, 19, 20, 21),
            "right_brow": run(22, 23, 24, 25, 26),
            "nose_ridge": run(27, 28, 29, 30),
            "nose_base": run(31, 33, 35),
            "jaw": run(*range(17)),
        }
    )
