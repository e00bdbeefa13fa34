"""How like the truth pictures are, and how calm: measures of pictures and landmarks. Knows no engine, no renderer.

PD, CSLD and PCLD are the paper's (FreeTalkDiff, "Metrics"), on landmarks in the picture's plane.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.diffusion.noise_sensor import FlowMeter, noise_pattern
from engines.diffusion.structure_controller import LipGain

PEAK = 255.0
# SSIM as published (Wang et al. 2004): a Gaussian window of 1.5 pixels, and two constants for flat places.
WINDOW, C1, C2 = 1.5, (0.01 * PEAK) ** 2, (0.03 * PEAK) ** 2

Pictures = NDArray[np.uint8]
Floats = NDArray[np.float64]


def weighted_mean(values: NDArray[np.floating], weight: NDArray[np.floating]) -> float:
    """values: (…, S, S); weight: (S, S)."""
    return float((values * weight).sum() / (weight.sum() * (values.size // weight.size)))


def psnr(drawn: Pictures, truth: Pictures, weight: NDArray[np.floating]) -> float:
    """dB of one picture, (S, S, 3), where weight says."""
    squares = ((drawn.astype(np.float64) - truth) ** 2).mean(axis=2)
    return float(10 * np.log10(PEAK**2 / max(weighted_mean(squares, weight), 1e-3)))


def ssim(drawn: Pictures, truth: Pictures, weight: NDArray[np.floating]) -> float:
    """Structural similarity of the grey pictures, where weight says."""
    one, other = (cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64) for picture in (drawn, truth))
    mean_one, mean_other = _blurred(one), _blurred(other)
    var_one, var_other = _blurred(one * one) - mean_one**2, _blurred(other * other) - mean_other**2
    both = _blurred(one * other) - mean_one * mean_other
    likeness = (2 * mean_one * mean_other + C1) * (2 * both + C2)
    return weighted_mean(likeness / ((mean_one**2 + mean_other**2 + C1) * (var_one + var_other + C2)), weight)


def _blurred(picture: Floats) -> Floats:
    return np.asarray(cv2.GaussianBlur(picture, (11, 11), WINDOW), np.float64)


def sharpness(picture: Pictures, weight: NDArray[np.floating]) -> float:
    """Mean size of the grey picture's Laplacian, grey levels."""
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float64)
    return weighted_mean(np.abs(cv2.Laplacian(grey, cv2.CV_64F)), weight)


def procrustes(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    """Disparity in [0, 1] of two sets of points (n, 2), each centred and of size 1, after the best turn and scale."""
    one, other = (points - points.mean(axis=0) for points in (wanted.astype(np.float64), found.astype(np.float64)))
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    return float(1 - np.linalg.svd(one.T @ other, compute_uv=False).sum() ** 2)


def cosine(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return float(one @ other / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12))


def led(opening: NDArray[np.floating], asked: Sequence[float]) -> NDArray[np.floating]:
    """Lip openings (T,) as they would be, did a picture follow the Structure Controller in full.

    asked: the openings that λ is the ratio of, inter-ocular distances.
    """
    gain = LipGain()
    lead = np.array([gain.step(each) - 1 for each in asked])
    return np.asarray(opening + lead * (opening - opening.min()))


def pearson(one: NDArray[np.floating], other: NDArray[np.floating]) -> float:
    return cosine(one - one.mean(), other - other.mean())


def noise(drawn: Pictures, wanted: Pictures, weight: NDArray[np.floating]) -> float:
    """MNP: the mean of the noise pattern D where weight says, pixels. drawn, wanted: clips (T, S, S, 3)."""
    flows = []
    for clip in (drawn, wanted):
        meter = FlowMeter()
        flows.append(np.stack([flow for flow in map(meter.step, clip) if flow is not None]))
    pattern = noise_pattern(flows[0], flows[1])
    small = cv2.resize(weight.astype(np.float32), pattern.shape, interpolation=cv2.INTER_AREA)
    return weighted_mean(pattern, np.asarray(small))


def flicker(held: Pictures, weight: NDArray[np.floating]) -> float:
    """Mean change from frame to frame of a clip (T, S, S, 3) in which nothing should move, grey levels."""
    return weighted_mean(np.abs(np.diff(held.astype(np.float64), axis=0)).mean(axis=3), weight)


def jitter(found: NDArray[np.floating], wanted: NDArray[np.floating]) -> float:
    """Mean size of what landmarks (T, n, 2) accelerate otherwise than they should, in their own unit a frame²."""
    return float(np.linalg.norm(np.diff(found.astype(np.float64) - wanted, 2, axis=0), axis=2).mean())
