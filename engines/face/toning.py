"""Presenters without colours of their own: grey ones, and those toned in one colour, such as sepia.

The canonical teeth and the network know coloured faces only. What they draw gets the colour that the presenter has at
that lightness.
"""

from __future__ import annotations

import cv2
import numpy as np

from engines.arrays import F32, U8

LEVELS = 24  # of lightness
LEAST_PIXELS = 30  # of a level that counts, of SIDE · SIDE
SIDE = 96
SPREAD = 3.0  # CIELAB units: a coloured face has 5 and more at some lightness, a sepia JPEG at most 2.6, a grey one 0.1
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601, as cv2's grey


def toning(face: U8) -> F32 | None:
    """(256, 3) float32: by luminance, what a pixel's red, green and blue have beyond it. None for a coloured face.

    face: (h, w, 3) RGB, mostly the face.
    """
    small = np.asarray(cv2.resize(face, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.float32)
    lab = np.asarray(cv2.cvtColor(small / 255, cv2.COLOR_RGB2LAB), np.float32).reshape(-1, 3)
    level = np.clip(lab[:, 0] / 100 * LEVELS, 0, LEVELS - 1).astype(int)
    filled = np.flatnonzero(np.bincount(level, minlength=LEVELS) >= LEAST_PIXELS)
    if any(lab[level == number, 1:].std(axis=0).max() > SPREAD for number in filled):
        return None
    pixels = small.reshape(-1, 3)
    colours = np.stack([pixels[level == number].mean(axis=0) for number in filled])
    luminance = colours @ LUMINANCE
    beyond = colours - luminance[:, None]
    # No light and full light have no colour.
    known = np.concatenate([[0.0], luminance, [255.0]])
    table = np.concatenate([np.zeros((1, 3)), beyond, np.zeros((1, 3))])
    return np.stack([np.interp(np.arange(256), known, channel) for channel in table.T], axis=1).astype(np.float32)


def toned(drawn: U8, table: F32) -> U8:
    """drawn (h, w, 3) RGB with the colours of a toning; its luminance stays."""
    luminance = np.asarray(cv2.cvtColor(drawn, cv2.COLOR_RGB2GRAY), np.uint8)
    colours = luminance[..., None] + np.take(table, luminance, axis=0)
    return np.asarray(cv2.convertScaleAbs(np.maximum(colours, 0)), np.uint8)
