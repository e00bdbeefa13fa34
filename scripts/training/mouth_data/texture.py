"""A person's skin as a texture: colour, relief and roughness on region.py's cylinder. Knows no light and no pose."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from scripts.training.mouth_data.person import Person
from scripts.training.mouth_data.region import ARC, BOTTOM, TEXTURE_HEIGHT, TEXTURE_WIDTH, TOP

SHAPE = (TEXTURE_HEIGHT, TEXTURE_WIDTH)
TEXEL = (TOP - BOTTOM) / TEXTURE_HEIGHT  # centimetres
FRECKLE = np.array([0.62, 0.50, 0.42], np.float32)  # what a freckle leaves of the skin's colour
FLUSH = np.array([1.06, 0.78, 0.78], np.float32)

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class SkinTexture:
    """colour (H, W, 3): linear RGB reflectance; surface (H, W, 4): slope across, slope down, roughness, and the
    lips' fine lines, about [−1, 1]."""

    colour: Floats
    surface: Floats


def paint_skin(person: Person) -> SkinTexture:
    draw = np.random.default_rng(person.seed)
    mottle = 0.6 * noise(draw, 0.9) + 0.4 * noise(draw, 0.35)
    pores = noise(draw, 0.10)
    colour = person.skin.astype(np.float32) * (1 + 0.07 * mottle + 0.05 * person.pores * pores)[..., None]
    colour = _tint(colour, person.redness * np.clip(_places().flush * (1 + 0.5 * mottle), 0, 1), FLUSH)
    spots = np.clip((noise(draw, draw.uniform(0.14, 0.24)) - 0.35) / 0.25, 0, 1)
    colour = _tint(colour, person.freckles * spots * np.clip(_places().sun + 0.2, 0, 1), FRECKLE)
    colour = _moles(colour, draw)
    growth = _places().beard * (0.85 + 0.3 * noise(draw, 0.8))
    colour, hairs = _grow_beard(colour, person, growth, draw)
    relief = 0.006 * person.pores * pores + 0.012 * person.pores * noise(draw, 0.3) + 0.01 * person.beard * hairs
    slope_across, slope_down = np.gradient(relief, TEXEL, axis=(1, 0))
    roughness = 0.55 - 0.2 * person.gloss * _places().oily + 0.06 * mottle
    streaks = noise(draw, 0.12, stretch=6.0)
    rough = roughness + 0.2 * growth * person.beard
    surface = np.stack([slope_across, slope_down, rough, streaks], axis=2)
    return SkinTexture(np.clip(colour, 0.004, 0.9).astype(np.float32), surface.astype(np.float32))


def noise(draw: np.random.Generator, size: float, stretch: float = 1.0) -> Floats:
    """(H, W) in about [−1, 1], its bumps size centimetres wide and stretch times as high."""
    rows = max(2, int(np.ceil(SHAPE[0] * TEXEL / (size * stretch))))
    columns = max(2, int(np.ceil(SHAPE[1] * TEXEL / size)))
    grid = draw.uniform(-1, 1, (min(rows, SHAPE[0]), min(columns, SHAPE[1]))).astype(np.float32)
    return np.asarray(cv2.resize(grid, (SHAPE[1], SHAPE[0]), interpolation=cv2.INTER_CUBIC), np.float32)


def _grow_beard(
    colour: NDArray[np.floating], person: Person, growth: Floats, draw: np.random.Generator
) -> tuple[NDArray[np.floating], Floats]:
    """Stubble: dots and a shade below the skin. Beard: streaks of hair over it. Returns the hairs' relief too."""
    dots = np.clip(noise(draw, 0.06) - 0.15, 0, 1)
    hairs = noise(draw, 0.07, stretch=5.0) + 0.5 * noise(draw, 0.2, stretch=2.0)
    dark = person.hair.astype(np.float32)
    shade = person.stubble * growth * (0.30 + 0.55 * dots)
    colour = colour + shade[..., None] * (dark - colour)
    coverage = np.clip(person.beard * growth * (0.75 + 0.6 * hairs), 0, 1)
    strand = dark * (1.1 + 0.7 * hairs)[..., None]
    return colour + coverage[..., None] * (strand - colour), hairs * growth


def _moles(colour: NDArray[np.floating], draw: np.random.Generator) -> NDArray[np.floating]:
    dark = np.zeros(SHAPE, np.float32)
    for _ in range(int(draw.integers(0, 5))):
        at = (int(draw.integers(150, SHAPE[1] - 150)), int(draw.integers(60, 340)))
        cv2.circle(dark, at, int(draw.integers(2, 5)), 1.0, -1)
    return _tint(
        colour, draw.uniform(0.3, 0.8) * cv2.GaussianBlur(dark, (0, 0), 1.5), np.array([0.35, 0.25, 0.2], np.float32)
    )


def _tint(colour: NDArray[np.floating], amount: NDArray[np.floating], tint: Floats) -> NDArray[np.floating]:
    return colour * (1 + amount[..., None] * (tint - 1))


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where on the mean head blood shows, sun reaches, skin shines and beards grow: (H, W) in [0, 1]."""

    flush: Floats
    sun: Floats
    oily: Floats
    beard: Floats


@cache
def _places() -> _Places:
    row, column = np.mgrid[0:TEXTURE_HEIGHT, 0:TEXTURE_WIDTH].astype(np.float32)
    y = TOP - (row + 0.5) / TEXTURE_HEIGHT * (TOP - BOTTOM)
    across = np.abs(((column + 0.5) / TEXTURE_WIDTH * 2 - 1) * ARC)

    def blob(x: float, at: float, wide: float, high: float) -> Floats:
        return np.asarray(np.exp(-(((across - x) / wide) ** 2) - ((y - at) / high) ** 2), np.float32)

    flush = blob(4.5, 0.2, 2.2, 1.6) + 0.9 * blob(0, 0.4, 1.2, 0.9) + 0.5 * blob(0, -7.0, 1.5, 1.0)
    sun = blob(3.0, 1.0, 4.5, 2.2)
    oily = blob(0, 0.6, 1.4, 1.2) + 0.6 * blob(3.5, 0.5, 2.0, 1.5) + 0.6 * blob(0, -6.8, 1.4, 0.9)
    return _Places(np.clip(flush, 0, 1), sun, np.clip(oily, 0, 1), _beard_place(across, y))


def _beard_place(across: Floats, y: Floats) -> Floats:
    """Upper lip, round the mouth, chin, jaw and the cheeks' lower part, down to the throat."""
    line = np.interp(across, [0.0, 1.2, 2.6, 3.6, 6.0, 9.0, 12.0], [-1.35, -1.5, -2.2, -3.6, -3.4, -1.0, 3.0])
    below = np.clip((line - y) / 0.5, 0, 1)
    throat = np.clip((y + 11.5) / 2.0, 0, 1)
    return np.asarray(cv2.GaussianBlur((below * throat).astype(np.float32), (0, 0), 5.0), np.float32)
