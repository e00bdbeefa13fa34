"""The bank of lip tokens: the presenter's own mouth, encoded once over opening × width × rounding, blended per frame.

The image encoder is far too slow to see every structure frame in live use. The paper finds that the tokens of one
face lie on a smooth, nearly monotonous surface, so a frame's are taken between those of its neighbours: of the eight
corners of the cell that it lies in. The weights sum to 1. Knows no network.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import cv2
import numpy as np

from engines.arrays import F32
from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from engines.speech.mouth import canonical_mouth, lip_motion

OPENINGS = (0.0, 0.05, 0.1, 0.18, 0.3)  # aperture, in inter-ocular distances of the canonical head
WIDTHS = (0.0, 0.5, 1.0)  # of mouthStretch and mouthSmile together
ROUNDINGS = (0.0, 0.5, 1.0)  # of mouthFunnel and mouthPucker together
AXES = (OPENINGS, WIDTHS, ROUNDINGS)
SHAPE = tuple(len(axis) for axis in AXES)

_JAW, _CLOSE, _FUNNEL, _PUCKER, _STRETCH, _SMILE = (
    COEFFICIENTS.index(name)
    for name in ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthStretch", "mouthSmile")
)

Place = tuple[float, float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Bank:
    """tokens (5, 3, 3, n, d): of every grid point."""

    tokens: F32

    @property
    def anchor(self) -> F32:
        """(n, d) of the mouth at its smallest opening: the one that the Structure Controller leads away from."""
        anchor: F32 = self.tokens[0, 0, 0]
        return anchor

    def at(self, motion: LipMotion) -> F32:
        """(n, d), freshly allocated."""
        blend = np.zeros(self.tokens.shape[3:], np.float32)
        for corner, weight in corners(place_of(motion)):
            cv2.scaleAdd(self.tokens[corner], weight, blend, dst=blend)  # in one pass, with no array between
        return blend


def place_of(motion: LipMotion) -> Place:
    """Opening, width and rounding of a motion; beyond the grid, the grid's edge."""
    values = motion.coefficients
    found = (motion.aperture, float(values[_STRETCH] + values[_SMILE]), float(values[_FUNNEL] + values[_PUCKER]))
    opening, width, rounding = (min(max(value, axis[0]), axis[-1]) for value, axis in zip(found, AXES, strict=True))
    return opening, width, rounding


def motion_at(place: Place) -> LipMotion:
    """The lip motion that the bank shows at a place: place_of gives it back."""
    opening, width, rounding = place
    values = np.zeros(len(COEFFICIENTS), np.float32)
    values[[_STRETCH, _SMILE]] = width / 2
    values[[_FUNNEL, _PUCKER]] = rounding / 2
    mouth = canonical_mouth()
    # Lips that are drawn out or rounded part by themselves: the jaw, or lips pressed shut, make up the difference.
    more = opening - float(values @ mouth.change[:, 0] + mouth.rest[0])
    by = _JAW if more > 0 else _CLOSE
    values[by] = more / float(mouth.change[by, 0])
    return lip_motion(values, np.eye(len(VISEMES), dtype=np.float32)[VISEMES.index("sil")])


def grid() -> Iterator[tuple[tuple[int, int, int], LipMotion]]:
    """Every grid point's index and motion."""
    for opening, width, rounding in product(*(range(size) for size in SHAPE)):
        yield (opening, width, rounding), motion_at((OPENINGS[opening], WIDTHS[width], ROUNDINGS[rounding]))


def corners(place: Place) -> Iterator[tuple[tuple[int, int, int], float]]:
    """The grid points around a place and how much each counts: positive, summing to 1."""
    sides = [_side(value, axis) for value, axis in zip(place, AXES, strict=True)]
    for (a, one), (b, two), (c, three) in product(*sides):
        weight = one * two * three
        if weight:
            yield (a, b, c), weight


def _side(value: float, axis: tuple[float, ...]) -> tuple[tuple[int, float], tuple[int, float]]:
    below = min(int(np.searchsorted(axis, value, side="right")) - 1, len(axis) - 2)
    share = (value - axis[below]) / (axis[below + 1] - axis[below])
    return (below, 1 - share), (below + 1, share)
