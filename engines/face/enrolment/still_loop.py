"""The idle loop of a single picture: it breathes, sways and blinks. Knows nothing of mouths.

Head and shoulders are bent smoothly, round and round. Everything is a sum of whole turns of the loop, so that it has no
seam. The picture is bent, never redrawn: what moves is its own pixels, sampled once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.arrays import F32, F64, U8
from engines.face.enrolment.framing import SIZE, Framing
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.retouch import close_eyes

FRAMES = 200  # 8 s at 25 frames/s
BLINKS = (49, 142)  # frames at which the lids begin to fall: uneven, as people's are
BLINK = (0.35, 0.85, 1.0, 1.0, 0.8, 0.5, 0.25, 0.1)  # closure frame by frame: down in 80 ms, up in 200

COARSE = 8  # pixels; movement changes over tens of them
GRID = 32  # steps of the crop along which its movement is measured

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

Points = NDArray[np.floating]


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

    def __init__(self, body: Body, points: Points) -> None:
        """points: (..., 2) pixels of the resting picture."""
        self._body, self._points = body, points
        radius = np.hypot(
            (points[..., 0] - body.centre[0]) / body.half_width, (points[..., 1] - body.centre[1]) / body.half_height
        )
        self._head = _smooth(1 - np.clip((radius - 1) / FADE, 0, 1))[..., None]
        self._face = np.exp(-((radius / 0.9) ** 2))
        down = (points[..., 1] - body.chin) / (1.6 * body.half_height)
        self._shoulders = _smooth(np.clip(down, 0, 1))

    def at(self, moment: float) -> Points:
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


def _smooth(part: Points) -> Points:
    return np.asarray(part * part * (3 - 2 * part))


class StillLoop:
    """FRAMES pictures and how a crop moves in them."""

    __slots__ = ("_body", "_face", "_framing", "_picture")

    def __init__(self, picture: U8, face: FaceLandmarks, framing: Framing) -> None:
        """picture: (h, w, 3), already at the frame's scale; face and framing in its pixels."""
        self._picture, self._face, self._framing = picture, face, framing
        self._body = Body.of(face)

    def frames(self) -> Iterator[U8]:
        """(SIZE, SIZE, 3) uint8 RGB, FRAMES of them."""
        lids = [close_eyes(self._picture, self._face, closure) for closure in BLINK]
        there, coarse = self._places(1), self._places(COARSE)
        sway = Sway(self._body, coarse)
        for index in range(FRAMES):
            picture = self._picture
            for begin in BLINKS:
                if begin <= index < begin + len(BLINK):
                    picture = lids[index - begin]
            # What is seen at a place came from where the movement at that place points back to; movements are small
            # beside the widths over which they change, so that one look is near enough (0.1 pixel).
            moved = cv2.resize(sway.at(index / FRAMES), (SIZE, SIZE), interpolation=cv2.INTER_CUBIC)
            source = there - moved - np.float32(0.5)
            yield np.asarray(
                cv2.remap(
                    picture, source[..., 0], source[..., 1], cv2.INTER_LANCZOS4, borderMode=cv2.BORDER_REFLECT_101
                ),
                np.uint8,
            )

    def _places(self, step: int) -> F32:
        """The middles of squares of step × step pixels of the frame, (n, n, 2), in the picture's pixels."""
        middles = np.arange(SIZE // step, dtype=np.float32) * step + np.float32(step / 2)
        return np.stack(np.meshgrid(middles + self._framing.left, middles + self._framing.top), axis=-1)

    def alignment(self, crop: F64) -> F32:
        """(FRAMES, 2, 3): where a crop of the resting picture, (2, 3) to its pixels, is in each frame.

        The affine map that is nearest to the movement, weighted towards the lips in the crop's middle.
        """
        steps = (np.arange(GRID) + 0.5) / GRID
        flat = np.stack(np.meshgrid(steps, steps), axis=-1).reshape(-1, 2)
        weight = np.exp(-(((flat - (0.5, 0.32)) / 0.2) ** 2).sum(axis=1))[:, None] + 0.01
        system = np.column_stack([flat, np.ones(len(flat))])
        rest = flat @ crop[:, :2].T + crop[:, 2]
        corner = np.array([self._framing.left, self._framing.top])
        rows = []
        for index in range(FRAMES):
            moved = self._moved(rest, index / FRAMES) - corner
            affine, *_ = np.linalg.lstsq(system * weight, moved * weight, rcond=None)
            rows.append(affine.T)
        return np.array(rows, np.float32)

    def _moved(self, rest: F64, moment: float) -> F64:
        """Where points of the resting picture are at a moment: the inverse of what frames() samples."""
        there = rest
        for _ in range(3):
            there = rest + Sway(self._body, there).at(moment)
        return there
