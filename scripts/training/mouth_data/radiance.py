"""From surfaces and lamps to radiance, pixel by pixel. Knows nothing of what the surfaces are."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

REFLECTANCE = 0.04  # of skin, water and enamel, seen from the front


class Surface(NamedTuple):
    """By pixel: hit (H, W) uint8, albedo and unit normal (H, W, 3), slope of the relief across and down (H, W, 2),
    roughness, gloss (1: a plain surface's), crease (depth in folds, 0: none) and lit (the key's share): (H, W)."""

    hit: NDArray[np.uint8]
    albedo: Floats
    normal: Floats
    slope: Floats
    roughness: Floats
    gloss: Floats
    crease: Floats
    lit: Floats


class Lamps(NamedTuple):
    """towards, colour and half (the way between lamp and camera): (3, 3), the key first; wrap (3,): how far each colour
    goes round a shadow's edge; above, below (3,): the room's light by direction."""

    towards: Floats
    colour: Floats
    half: Floats
    wrap: Floats
    above: Floats
    below: Floats


@numba.njit(cache=True, nogil=True, fastmath=True)
def shine_on(surface: Surface, lamps: Lamps, radiance: Floats) -> None:
    """Fill radiance (H, W, 3), linear, where something was hit."""
    height, width = surface.hit.shape
    for row in range(height):
        for column in range(width):
            if not surface.hit[row, column]:
                continue
            x, y, z = _bent(surface.normal[row, column], surface.slope[row, column])
            fold = surface.crease[row, column]
            power = 2 / max(surface.roughness[row, column], np.float32(0.2)) ** 4 - 2
            mirrored = REFLECTANCE * surface.gloss[row, column] * (power + 8) / 25
            up = (y + 1) / 2
            for channel in range(3):
                ambient = lamps.below[channel] + up * (lamps.above[channel] - lamps.below[channel])
                # Light in folds comes off other skin: red is lost last.
                diffuse = ambient * np.exp(-fold * (1.25 + 0.2 * channel))
                shine = np.float32(0)
                for lamp in range(3):
                    share = surface.lit[row, column] if lamp == 0 else np.exp(-fold)
                    facing = x * lamps.towards[lamp, 0] + y * lamps.towards[lamp, 1] + z * lamps.towards[lamp, 2]
                    wrapped = max(facing + lamps.wrap[channel], np.float32(0)) / (1 + lamps.wrap[channel])
                    diffuse += lamps.colour[lamp, channel] * share * wrapped
                    if facing > 0:
                        half = x * lamps.half[lamp, 0] + y * lamps.half[lamp, 1] + z * lamps.half[lamp, 2]
                        if half > 0.5:
                            lobe = np.exp(power * np.log(half))
                            shine += lamps.colour[lamp, channel] * share * facing * lobe * mirrored
                radiance[row, column, channel] = surface.albedo[row, column, channel] * diffuse + shine


@numba.njit(cache=True, nogil=True, fastmath=True)
def _bent(normal: Floats, slope: Floats) -> tuple[float, float, float]:
    """The unit normal of a surface with relief."""
    x, y, z = normal[0], normal[1], normal[2]
    flat = max(np.sqrt(x * x + z * z), np.float32(1e-3))
    across, down = slope[0], slope[1]
    bx = x - across * z / flat - down * x * y / flat
    by = y + down * flat
    bz = z + across * x / flat - down * z * y / flat
    length = np.sqrt(bx * bx + by * by + bz * bz)
    return bx / length, by / length, bz / length
