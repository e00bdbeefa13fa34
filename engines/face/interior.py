"""The inside of an open mouth: cavity, teeth and tongue behind the lips. Knows nothing of skin or of time."""

from __future__ import annotations

import threading
from weakref import WeakKeyDictionary

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32, F64, U8
from engines.face.geometry import MouthShape, to_pixels
from engines.face.tensors import FaceTensors

SUPERSAMPLING = 4  # along either axis, for the lips' anti-aliased edge
SUBPIXEL_BITS = 6
MARGIN = 2  # pixels around the opening that are worked on

# Light that reaches the front teeth: the lips shade what lies close behind them, the upper lip most, and the corners
# stay dark. Widths in inter-ocular distances; light in parts of the pictures' own.
SHADOW_WIDTH = 0.04
SHADOW_DROP = 0.02
DARKEST = np.array([0.40, 0.32, 0.28], np.float32)  # red, green, blue: what light there is has passed through flesh
FULL_LIGHT = 0.6  # part of the neighbourhood that must be open for full light
LOWER_LIGHT = 0.75  # tongue and lower teeth lie deeper, behind their own lip

HAIRLINE = 1.5  # pixels: a narrower opening shows by parts, so that lips part without a jump


class MouthInteriorTextures:
    """Caches the jaws' textures of every avatar in memory, at each size they are drawn in. Shared by all sessions.

    Thread-safe; entries go with their avatars (weak keys).
    """

    __slots__ = ("_known", "_lock")

    def __init__(self) -> None:
        self._known: WeakKeyDictionary[FaceTensors, dict[int, tuple[U8, U8]]] = WeakKeyDictionary()
        self._lock = threading.Lock()

    def of(self, face: FaceTensors, size: int) -> tuple[U8, U8]:
        """Upper and lower jaw, (size, size, 4) uint8 each, premultiplied, read-only. Milliseconds the first time."""
        with self._lock:
            sizes = self._known.setdefault(face, {})
            if size not in sizes:
                upper, lower = (_premultiplied(jaw, size) for jaw in (face.interior_upper, face.interior_lower))
                lower[:, :, :3] = np.rint(LOWER_LIGHT * lower[:, :, :3])
                upper.setflags(write=False)
                lower.setflags(write=False)
                sizes[size] = upper, lower
            return sizes[size]


class MouthInterior:
    """Draws the opening into a picture, for one presenter at one scale."""

    __slots__ = ("_blur", "_cavity", "_drop", "_jaw", "_lower", "_scale", "_upper")

    def __init__(self, face: FaceTensors, scale: float, textures: MouthInteriorTextures | None = None) -> None:
        """scale: pixels of the output per crop unit, about; textures: the shared cache."""
        self._upper, self._lower = (textures or MouthInteriorTextures()).of(face, max(1, round(scale)))
        self._cavity = face.cavity.astype(np.float32)
        self._jaw = face.jaw
        self._scale = scale
        self._blur = SHADOW_WIDTH * float(face.interocular) * scale
        self._drop = SHADOW_DROP * float(face.interocular) * scale

    def draw(self, picture: U8, shape: MouthShape, coefficients: F32, to_output: F64) -> None:
        """Paint the opening into picture, in place. to_output: (2, 3), crop coordinates to output pixels."""
        widest = float(shape.gaps.max()) * self._scale
        outline = np.concatenate([shape.upper, shape.lower[-2:0:-1]]) @ to_output[:, :2].T + to_output[:, 2]
        box = _box(outline, picture.shape)
        if widest <= 0 or box is None:
            return
        left, top, right, bottom = box
        to_window = to_output - np.array([[0, 0, left], [0, 0, top]])
        coverage = _coverage(outline - (left, top), right - left, bottom - top)
        coverage *= min(1.0, widest / HAIRLINE)
        inside = self._inside(to_window, coefficients, self._light(coverage))
        window = picture[top:bottom, left:right]
        skin = window.astype(np.float32)
        skin += (inside - skin) * coverage[:, :, None]
        np.rint(skin, out=skin)
        window[...] = skin

    def _inside(self, to_window: F64, coefficients: F32, light: F32) -> F32:
        """Upper jaw over lower jaw over cavity, the jaws in the light: all (height, width, 3) float32."""
        height, width = light.shape[:2]
        pixels = to_pixels(to_window, self._upper.shape[0])
        shift = to_window[:, :2] @ (coefficients @ self._jaw)
        lowered = pixels + np.array([[0, 0, shift[0]], [0, 0, shift[1]]])
        upper = cv2.warpAffine(self._upper, pixels, (width, height)).astype(np.float32)
        lower = cv2.warpAffine(self._lower, lowered, (width, height)).astype(np.float32)
        inside: F32 = light * lower[:, :, :3]
        inside += self._cavity * (1 - lower[:, :, 3:] / np.float32(255))
        inside *= 1 - upper[:, :, 3:] / np.float32(255)
        inside += light * upper[:, :, :3]
        return inside

    def _light(self, coverage: F32) -> F32:
        """How bright each pixel of the inside is, (height, width, 3) in [DARKEST, 1]."""
        sky = cv2.GaussianBlur(coverage, (0, 0), self._blur, borderType=cv2.BORDER_CONSTANT)
        drop = np.array([[1, 0, 0], [0, 1, self._drop]])
        open_part = cv2.warpAffine(sky, drop, (sky.shape[1], sky.shape[0])) / np.float32(FULL_LIGHT)
        light: F32 = DARKEST + (1 - DARKEST) * np.minimum(open_part, 1)[:, :, None]
        return light


def _premultiplied(straight: U8, size: int) -> U8:
    """(h, w, 4) straight alpha → (size, size, 4) premultiplied: blends of it have no dark or bright fringes."""
    colour = straight.astype(np.float32)
    colour[:, :, :3] *= colour[:, :, 3:] / 255
    shrunk = cv2.resize(colour, (size, size), interpolation=cv2.INTER_AREA)
    result: U8 = np.rint(shrunk).astype(np.uint8)
    return result


def _box(outline: NDArray[np.floating], shape: tuple[int, ...]) -> tuple[int, int, int, int] | None:
    """Left, top, right, bottom of the pixels to work on, or None where the outline lies outside the picture."""
    low = np.floor(outline.min(axis=0)).astype(int) - MARGIN
    high = np.ceil(outline.max(axis=0)).astype(int) + MARGIN + 1
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), shape[1]), min(int(high[1]), shape[0])
    return (left, top, right, bottom) if left < right and top < bottom else None


def _coverage(outline: NDArray[np.floating], width: int, height: int) -> F32:
    """What part of each pixel lies inside the outline: (height, width) float32 in [0, 1]."""
    fine = np.zeros((height * SUPERSAMPLING, width * SUPERSAMPLING), np.uint8)
    # Pixel centres lie at whole numbers, before and after refinement.
    points = (outline + 0.5) * SUPERSAMPLING - 0.5
    cv2.fillPoly(fine, [np.rint(points * (1 << SUBPIXEL_BITS)).astype(np.int32)], 255, cv2.LINE_8, SUBPIXEL_BITS)
    coarse = cv2.resize(fine, (width, height), interpolation=cv2.INTER_AREA)
    coverage: F32 = np.float32(1 / 255) * coarse.astype(np.float32)
    return coverage
