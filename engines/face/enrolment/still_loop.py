"""The idle loop of a single picture: it breathes, sways and blinks. Knows nothing of mouths.

The picture is bent, never redrawn: what moves is its own pixels, sampled once.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.eyelids import close_eyes
from engines.face.enrolment.framing import SIZE, Framing
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.face.enrolment.sway import Body, Sway

FRAMES = 200  # 8 s at 25 frames/s
BLINKS = (49, 142)  # frames at which the lids begin to fall: uneven, as people's are
BLINK = (0.35, 0.85, 1.0, 1.0, 0.8, 0.5, 0.25, 0.1)  # closure frame by frame: down in 80 ms, up in 200

COARSE = 8  # pixels; movement changes over tens of them
GRID = 32  # steps of the crop along which its movement is measured

Picture = NDArray[np.uint8]
Floats = NDArray[np.float64]


class StillLoop:
    """FRAMES pictures and how a crop moves in them."""

    __slots__ = ("_body", "_face", "_framing", "_picture")

    def __init__(self, picture: Picture, face: FaceLandmarks, framing: Framing) -> None:
        """picture: (h, w, 3), already at the frame's scale; face and framing in its pixels."""
        self._picture, self._face, self._framing = picture, face, framing
        self._body = Body.of(face)

    def frames(self) -> Iterator[Picture]:
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

    def _places(self, step: int) -> NDArray[np.float32]:
        """The middles of squares of step × step pixels of the frame, (n, n, 2), in the picture's pixels."""
        middles = np.arange(SIZE // step, dtype=np.float32) * step + np.float32(step / 2)
        return np.stack(np.meshgrid(middles + self._framing.left, middles + self._framing.top), axis=-1)

    def alignment(self, crop: Floats) -> NDArray[np.float32]:
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

    def _moved(self, rest: Floats, moment: float) -> Floats:
        """Where points of the resting picture are at a moment: the inverse of what frames() samples."""
        there = rest
        for _ in range(3):
            there = rest + Sway(self._body, there).at(moment)
        return there
