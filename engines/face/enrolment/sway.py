"""How a person who only listens moves: head and shoulders as a smooth bending of the picture, round and round.

Knows nothing of pixels' colours. Everything is a sum of whole turns of the loop, so that it has no seam.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.landmarks import FaceLandmarks

BREATHS = 2  # a loop: 15 a minute in 8 s

# Amplitudes in inter-ocular distances and radians, of the first and the second turn of the loop.
ASIDE = ((0.016, 0.3), (0.007, 1.9))  # (amplitude, phase in radians)
UP = ((0.005, 1.1), (0.004, 0.2))
LEAN = ((0.008, 0.9), (0.005, 2.4))
TURN = ((0.012, 2.0), (0.006, 0.7))  # how far the nose moves before the ears
BREATH_LIFT = 0.022  # of the shoulders
BREATH_HEAD = 0.25  # of that, the head's
BREATH_WIDTH = 0.004  # of the shoulders' width

# The head's ellipse in face heights (brows to chin) and half face widths; beyond it movement fades.
HEAD_HEIGHT, HEAD_WIDTH = 1.05, 1.2
FADE = 1.1  # half-axes over which the head's movement fades into what lies behind
PIVOT = 0.5  # face heights below the chin: what the head leans about

Floats = NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Body:
    """Where head and shoulders are in a picture, pixels: from landmarks."""

    centre: tuple[float, float]
    half_width: float
    half_height: float
    chin: float
    pivot: tuple[float, float]
    unit: float

    @classmethod
    def of(cls, face: FaceLandmarks) -> Body:
        brows = np.concatenate([face.curve("left_brow"), face.curve("right_brow")]).mean(axis=0)
        jaw = face.curve("jaw")
        chin = jaw[len(jaw) // 2]
        height = float(np.linalg.norm(chin - brows))
        width = float(np.linalg.norm(jaw[-1] - jaw[0])) / 2
        centre = brows + 0.15 * (chin - brows)
        pivot = chin + PIVOT * (chin - brows)
        return cls(
            (float(centre[0]), float(centre[1])), HEAD_WIDTH * width, HEAD_HEIGHT * height,
            float(chin[1]), (float(pivot[0]), float(pivot[1])), face.interocular,
        )  # fmt: skip


class Sway:
    """The displacement of a person at every moment of the loop; weights for one set of points."""

    __slots__ = ("_body", "_face", "_head", "_points", "_shoulders")

    def __init__(self, body: Body, points: Floats) -> None:
        """points: (..., 2) pixels of the resting picture."""
        self._body, self._points = body, points
        radius = np.hypot(
            (points[..., 0] - body.centre[0]) / body.half_width, (points[..., 1] - body.centre[1]) / body.half_height
        )
        self._head = _smooth(1 - np.clip((radius - 1) / FADE, 0, 1))[..., None]
        self._face = np.exp(-((radius / 0.9) ** 2))
        down = (points[..., 1] - body.chin) / (1.6 * body.half_height)
        self._shoulders = _smooth(np.clip(down, 0, 1))

    def at(self, moment: float) -> Floats:
        """(..., 2) pixels by which each point has moved; moment in [0, 1) of the loop."""
        body, unit = self._body, self._body.unit
        breath = float(np.sin(np.pi * BREATHS * moment) ** 2)  # in and out, from rest to rest
        lean = _wave(LEAN, moment)
        offset = self._points - np.array(body.pivot, self._points.dtype)
        leaning = lean * np.stack([-offset[..., 1], offset[..., 0]], axis=-1)
        # Plain numbers keep the points' own precision.
        lift = float(-BREATH_LIFT * unit * breath)
        shift = np.array([unit * _wave(ASIDE, moment), unit * _wave(UP, moment) + BREATH_HEAD * lift], offset.dtype)
        moved = np.asarray(self._head * (leaning + shift))
        moved[..., 0] += self._face * unit * _wave(TURN, moment)
        moved[..., 0] += self._shoulders * BREATH_WIDTH * breath * (self._points[..., 0] - body.centre[0])
        moved[..., 1] += self._shoulders * lift
        return moved


def _wave(terms: tuple[tuple[float, float], ...], moment: float) -> float:
    return sum(
        amplitude * float(np.sin(2 * np.pi * turns * moment + phase))
        for turns, (amplitude, phase) in enumerate(terms, start=1)
    )


def _smooth(part: Floats) -> Floats:
    return np.asarray(part * part * (3 - 2 * part))
