"""From traced radiance to a frame: pixels that are not finite, speckles, light under the skin, tone curve, sRGB.

Plain arrays; knows no scene and no renderer.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from scripts.training.heads.fields import ramp

EXPOSURE = 1.22
SPECKLE = 2.0  # times the middle value around: a pixel brighter than that is noise
SCATTER_LOBES = ((0.45, 0.5), (0.42, 1.2), (0.13, 2.5))  # weight and width, in parts of the mean way under the skin


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """Linear radiance (H, W, 3) before the backdrop, and alpha (H, W, 1)."""

    radiance: NDArray[np.float32]
    alpha: NDArray[np.float32]


def fix_nonfinite(image: ArrayLike) -> NDArray[np.float32]:
    """(H, W, C) as float32; a pixel that is not finite, as rare paths through hair make, gets the mean of the finite
    ones round it. The filters behind would spread it to a black square."""
    pixels = np.array(image, np.float32)
    good = np.asarray(np.isfinite(pixels).all(axis=2))
    if good.all():
        return pixels
    filled = np.where(good[..., None], pixels, np.float32(0))
    share = cv2.blur(good.astype(np.float32), (5, 5))[..., None]
    around = cv2.blur(filled, (5, 5)).reshape(pixels.shape) / np.maximum(share, 1e-6)
    return np.asarray(np.where(good[..., None], pixels, around), np.float32)


def close_gaps(alpha: NDArray[np.float32]) -> NDArray[np.float32]:
    """Alpha (H, W) → (H, W, 1), without gaps a pixel wide, through which the bright room would twinkle; but those
    between the hairs that stand off the outline stay."""
    closed = cv2.morphologyEx(alpha, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    inside = ramp(np.asarray(cv2.blur(alpha, (7, 7)), np.float32), 0.6, 0.9)
    return np.asarray(alpha + inside * (closed - alpha), np.float32)[..., None]


def despeckle(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Without single bright pixels, which a few samples in hair make and which would flicker."""
    middle = cv2.medianBlur(np.ascontiguousarray(colour), 5)
    bright = colour.max(axis=2, keepdims=True)
    limit = SPECKLE * middle.max(axis=2, keepdims=True) + 0.06
    return np.where(bright > limit, colour * (limit / np.maximum(bright, 1e-6)), colour).astype(np.float32)


def below_skin(
    matt: NDArray[np.float32], albedo: NDArray[np.float32], mask: NDArray[np.float32], scatter: NDArray[np.floating]
) -> NDArray[np.float32]:
    """Spread the light on the skin by a narrow and a wide Gaussian a channel, within the skin."""
    light = np.asarray(matt / np.maximum(albedo, np.float32(0.02)), np.float32)
    result = matt.copy()
    for channel in range(3):
        plane = np.ascontiguousarray(light[..., channel])
        weight = np.ascontiguousarray(mask[..., 0])
        lobes = [part * _within(plane, weight, size * float(scatter[channel])) for part, size in SCATTER_LOBES]
        spread = np.sum(lobes, axis=0)
        result[..., channel] += weight * (albedo[..., channel] * spread - matt[..., channel])
    return result


def _within(plane: NDArray[np.float32], weight: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    total = cv2.GaussianBlur(plane * weight, (0, 0), sigma)
    share = cv2.GaussianBlur(weight, (0, 0), sigma)
    return np.asarray(total / np.maximum(share, 1e-4), np.float32)


def compose_frame(light: Light, backdrop: NDArray[np.float32], exposure: float = 1.0) -> NDArray[np.uint8]:
    """Figure over backdrop, tone curve, slight vignette: (H, W, 3) uint8 sRGB."""
    radiance = (light.radiance * exposure + backdrop * (1 - light.alpha)) * EXPOSURE
    height, width = radiance.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    edge = ((x + 0.5) / width - 0.5) ** 2 + ((y + 0.5) / height - 0.5) ** 2
    radiance = radiance * (1 - 0.45 * edge)[..., None]
    return np.asarray(np.round(255 * np.clip(srgb(tone(radiance)), 0, 1)).astype(np.uint8))


def tone(radiance: NDArray[np.floating]) -> NDArray[np.floating]:
    """Straight for shadows and middle tones, a soft shoulder from 0.6 that reaches 1 at about 3."""
    knee = 0.6
    above = np.maximum(radiance - knee, 0)
    return np.asarray(np.minimum(radiance, knee) + (1 - knee) * (1 - np.exp(-above / (1 - knee) * 0.8)))


def srgb(linear: NDArray[np.floating]) -> NDArray[np.floating]:
    low = np.clip(linear, 0, None)
    return np.asarray(np.where(low <= 0.0031308, 12.92 * low, 1.055 * low ** (1 / 2.4) - 0.055))
