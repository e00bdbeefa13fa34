"""Frames of a high dynamic range (HLG, PQ) as ordinary sRGB ones. Knows nothing of clips and faces.

Transfer functions and the system gamma are those of ITU-R BT.2100-2; a diffuse white is 203 cd/m² (ITU-R BT.2408-7).
Light up to KNEE of that is kept as it is, brighter light is compressed, so that faces look as they do in an ordinary
clip and highlights keep their shape.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32, F64, U8

TRANSFERS: Mapping[int, str] = {16: "pq", 18: "hlg"}  # TransferCharacteristics of ITU-T H.273

WHITE = 203.0  # cd/m²
PEAKS: Mapping[str, float] = {"hlg": 1000.0, "pq": 4000.0}  # cd/m²: the nominal display's, and the brightest kept
KNEE = 0.7  # of a diffuse white's light
HLG_GAMMA = 1.2  # at 1000 cd/m²

# From the primaries of BT.2020 to those of BT.709, linear light (ITU-R BT.2087-0, annex 1).
TO_709 = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
LUMINANCE_2020 = np.array([[0.2627, 0.6780, 0.0593]], np.float32)
SAMPLES = 4096  # of the tables of transfer functions


def tone_mapped(frame: NDArray[np.uint16], transfer: str) -> U8:
    """(h, w, 3) uint16 RGB, BT.2020 primaries, coded by `transfer` ("hlg" or "pq") → (h, w, 3) uint8 sRGB."""
    light: F32 = np.take(_decoding(transfer), frame >> 4)
    if transfer == "hlg":
        light *= np.maximum(_transformed(light, LUMINANCE_2020), 1e-6) ** np.float32(HLG_GAMMA - 1)
    light = _transformed(light * np.float32(PEAKS["hlg"] / WHITE if transfer == "hlg" else 1 / WHITE), TO_709)
    light = np.maximum(light, 0)
    brightest = np.maximum(light.max(axis=2, keepdims=True), 1e-6)
    light *= _compressed(brightest, PEAKS[transfer] / WHITE) / brightest
    coded = np.take(_encoding(), np.clip(np.rint(light * (SAMPLES - 1)), 0, SAMPLES - 1).astype(np.uint16))
    return np.asarray(coded, np.uint8)


def _transformed(light: F32, matrix: F32) -> F32:
    """(h, w, 3) times (n, 3) → (h, w, n)."""
    return np.asarray(light @ matrix.T, np.float32)


def _compressed(light: F32, peak: float) -> F32:
    """1 is a diffuse white. The same up to KNEE, then bent so that the slope has no step and the peak comes to 1."""
    over, most = (np.maximum(light, KNEE) - KNEE) / (1 - KNEE), (peak - KNEE) / (1 - KNEE)
    bent = KNEE + (1 - KNEE) * over * (1 + over / most**2) / (1 + over)
    return np.asarray(np.minimum(np.minimum(light, bent), 1), np.float32)


@cache
def _decoding(transfer: str) -> F32:
    """(SAMPLES,) linear light: of the scene in [0, 1] for HLG, cd/m² for PQ."""
    functions: dict[str, Callable[[F64], F64]] = {"hlg": _hlg, "pq": _pq}
    table: F32 = functions[transfer]((np.arange(SAMPLES) + 0.5) / SAMPLES).astype(np.float32)
    return table


def _hlg(signal: F64) -> F64:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12)


def _pq(signal: F64) -> F64:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = signal ** (1 / m2)
    return np.asarray(10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1))


@cache
def _encoding() -> U8:
    """(SAMPLES,) linear light in [0, 1] → sRGB (IEC 61966-2-1)."""
    light = np.arange(SAMPLES) / (SAMPLES - 1)
    coded = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)
    table: U8 = np.rint(255 * coded).astype(np.uint8)
    return table
