"""One session of the diffusion engine: what was heard, the place in the idle loop, and frames that are under way.

Knows no network: the engine asks it for all its streams at once.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import cv2
import numpy as np
from numpy.typing import NDArray

from engines.api import Chunk, ChunkOrder, Effort, Frame, Picture
from engines.diffusion.conditioning import Conditioning
from engines.diffusion.finish import Finish, Parts, Question
from engines.face.avatar import FaceAvatar
from engines.face.composite import Windows, blend, mask_in_window
from engines.face.interior import Plates
from engines.face.structurist import Moved, SecondSize, Structurist
from engines.motion import LipMotion
from engines.speech.api import LipEncoderStream

Floats = NDArray[np.float32]
Affine = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Draft:
    """A frame of the loop with its mouth moved, before the network's difference.

    loop: which frame of it; degraded: the network was wanted, and there was no time for it; drawn: the mouth's window,
    None at rest, where it is seldom needed.
    """

    motion: LipMotion
    loop: int
    degraded: bool
    drawn: NDArray[np.uint8] | None = None

    @property
    def at_rest(self) -> bool:
        return not self.motion.coefficients.any()


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What is the same for all streams of an engine. size: of the network's pictures, pixels; latent: shape of one
    frame's noise; lookahead: the engine's, frames."""

    parts: Parts
    size: int
    latent: tuple[int, ...]
    lookahead: int
    plates: Plates = field(default_factory=Plates)


class DiffusionStream:
    """State of one session. `hear`, then `draw`, once for each chunk and in order."""

    __slots__ = (
        "_avatar", "_drafts", "_encoder", "_finish", "_late", "_lookahead", "_position", "_small", "_structurist",
        "_windows", "order",
    )  # fmt: skip

    def __init__(self, avatar: FaceAvatar, encoder: LipEncoderStream, shared: Shared) -> None:
        self._avatar = avatar
        self._encoder = encoder
        self.order = ChunkOrder()
        self._finish = Finish(shared.parts, shared.size, shared.latent)
        self._lookahead = shared.lookahead
        self._position = 0
        self._late = shared.parts.lookahead  # frames of the loop by which what is shown follows what is heard
        self._drafts: deque[Draft] = deque(maxlen=self._late + 1)
        self._windows = Windows(avatar)
        scale = float(np.sqrt(np.abs(np.linalg.det(avatar.face.alignment[0, :, :2].astype(np.float64)))))
        height, width = self._windows.height, self._windows.width
        self._structurist = Structurist(avatar.face, height, width, scale, shared.plates)
        self._small = SecondSize(avatar.face, shared.size, shared.plates)

    @property
    def avatar(self) -> FaceAvatar:
        return self._avatar

    def reset(self) -> None:
        """Forget all sound heard so far: the next frame shows a closed mouth; the idle loop goes on."""
        self._encoder.reset()
        self.order.reset()
        self._finish.reset()
        self._drafts.clear()

    def hear(self, chunk: Chunk, effort: Effort, conditions: Conditioning) -> Question | None:
        """Hear a chunk; what the network is to draw for it, or None where it is not asked: at rest, with less than
        full effort, or where the mouth has hardly moved."""
        self.order.advance(chunk)
        motion = self._encoder.step(chunk.samples)
        loop = self._position % len(self._avatar.loop)
        self._position += 1
        if not motion.coefficients.any():
            self._drafts.append(Draft(motion, loop, degraded=False))
            return None
        if effort is Effort.LISTEN:  # its mouth is drawn later, if a kernel that looks ahead still needs it
            self._drafts.append(Draft(motion, loop, degraded=True))
            return None
        still, moved = self._avatar.loop[loop], self._moved(loop, motion)
        structure, drawn = self._small.draw(still, moved), self._structurist.paint(still, moved)
        wanted = self._finish.moved(structure)
        self._drafts.append(Draft(motion, loop, effort is not Effort.FULL and wanted, drawn))
        if effort is not Effort.FULL or not wanted:
            return None
        self._finish.begin(conditions.calibration)
        return self._finish.ask(structure, motion, conditions.feeds(loop, motion))

    def draw(self, chunk: Chunk, effort: Effort, question: Question | None, picture: Floats | None) -> Frame:
        """The frame that is due now that chunk was heard. picture: the network's answer, (3, S, S) in [0, 1]."""
        latest = self._drafts[-1]
        if question is not None and picture is not None:
            difference = self._finish.answer(question, picture)
        elif latest.at_rest:
            difference = self._finish.rest(latest.motion)
        elif latest.degraded:
            difference = self._finish.fade(latest.motion)
        else:
            difference = self._finish.hold(latest.motion)
        index = chunk.index - self._lookahead
        if effort is Effort.LISTEN:
            return Frame(index)
        if difference is None:  # the first frames of a kernel that looks ahead
            still = self._avatar.loop[(self._position - 1 - self._late) % len(self._avatar.loop)]
            return Frame(index, Picture(still.copy(), changed=self._windows.nothing))
        draft = self._drafts[0]
        return Frame(index, self._composed(draft, difference), degraded=draft.degraded)

    def _composed(self, draft: Draft, difference: Floats) -> Picture:
        still: NDArray[np.uint8] = self._avatar.loop[draft.loop]
        picture: NDArray[np.uint8] = still.copy()
        if draft.at_rest and not difference.any():
            return Picture(picture, changed=self._windows.nothing)
        drawn = draft.drawn
        if drawn is None:
            drawn = self._structurist.paint(still, self._moved(draft.loop, draft.motion))
        to_window = self._windows.to_window(self._avatar, draft.loop)
        mask = mask_in_window(self._avatar.face.mask, to_window, *drawn.shape[:2])
        blend(picture, add_difference(drawn, difference, to_window), mask, self._windows.origin(draft.loop))
        return Picture(picture, changed=self._windows.box(draft.loop))

    def _moved(self, loop: int, motion: LipMotion) -> Moved:
        """The mouth in the window of a frame of the loop."""
        alignment = self._avatar.face.alignment[loop]
        return self._structurist.move(alignment, self._windows.to_window(self._avatar, loop), motion)


def add_difference(drawn: NDArray[np.uint8], difference: Floats, to_window: Affine) -> NDArray[np.uint8]:
    """drawn (h, w, 3) with the crop's difference (S, S, 3), in grey levels, laid where the crop is.

    to_window: (2, 3), crop coordinates to coordinates of drawn. Where the difference is 0, drawn stays bit for bit.
    """
    size = difference.shape[0]
    # cv2 puts a pixel's centre at 0, the coordinates put it at ½.
    pixels = to_window @ np.array([[1 / size, 0, 0.5 / size], [0, 1 / size, 0.5 / size], [0, 0, 1]])
    pixels[:, 2] -= 0.5
    height, width = drawn.shape[:2]
    placed = cv2.warpAffine(difference, pixels, (width, height), flags=cv2.INTER_LINEAR)
    return np.asarray(cv2.add(drawn, placed, dtype=cv2.CV_8U), np.uint8)
