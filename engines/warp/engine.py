"""The warp engine: the presenter's own picture, its mouth moved by the Structurist. Knows no network and no time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.api import Avatar, Chunk, Frame, Stream, Timing
from engines.face.avatar import FaceAvatar
from engines.face.composite import Windows, blend, mask_in_window
from engines.face.interior import Plates
from engines.face.structurist import Structurist
from engines.motion import LipMotion
from engines.speech.api import LipEncoder, LipEncoderStream


class WarpStream:
    """One session: what the lip encoder remembers, and the place in the idle loop."""

    __slots__ = ("_avatar", "_encoder", "_lookahead", "_position", "_structurist", "_windows")

    def __init__(self, avatar: FaceAvatar, encoder: LipEncoderStream, lookahead: int, plates: Plates) -> None:
        self._avatar = avatar
        self._encoder = encoder
        self._lookahead = lookahead
        self._position = 0
        self._windows = Windows(avatar)
        scale = float(np.sqrt(np.abs(np.linalg.det(avatar.face.alignment[0, :, :2].astype(np.float64)))))
        self._structurist = Structurist(avatar.face, self._windows.height, self._windows.width, scale, plates)

    def reset(self) -> None:
        """Forget all sound heard so far: the next frame shows a closed mouth; the idle loop goes on."""
        self._encoder.reset()

    def step(self, chunk: Chunk) -> Frame:
        """Hear a chunk, draw the frame that is due: the one of lookahead chunks ago."""
        motion = self._encoder.step(chunk.samples)
        frame = self._position % len(self._avatar.loop)
        self._position += 1
        return Frame(self._picture(frame, motion), chunk.index - self._lookahead)

    def _picture(self, frame: int, motion: LipMotion) -> NDArray[np.uint8]:
        still: NDArray[np.uint8] = self._avatar.loop[frame]
        picture: NDArray[np.uint8] = still.copy()
        if not motion.coefficients.any():
            return picture
        to_window = self._windows.to_window(self._avatar, frame)
        drawn = self._structurist.draw(still, self._avatar.face.alignment[frame], to_window, motion)
        mask = mask_in_window(self._avatar.face.mask, to_window, *drawn.shape[:2])
        blend(picture, drawn, mask, self._windows.origin(frame))
        return picture


class WarpEngine:
    """Lip encoder, then Structurist, then compositor. Holds nothing of a session."""

    __slots__ = ("_lip_encoder", "_plates", "_timing")

    def __init__(self, lip_encoder: LipEncoder) -> None:
        self._lip_encoder = lip_encoder
        self._timing = Timing(lookahead_frames=lip_encoder.lookahead_frames)
        self._plates = Plates()

    @property
    def timing(self) -> Timing:
        return self._timing

    def prepare(self, avatar: Avatar) -> None:
        """Open a stream for nothing: what it makes of the presenter is there for those that follow."""
        self.open(avatar)

    def open(self, avatar: Avatar) -> WarpStream:
        """Begin a session with a presenter that load_avatar read.

        Raises:
            TypeError: the avatar is another engine's.
        """
        if not isinstance(avatar, FaceAvatar):
            raise TypeError(f"expected an avatar read by load_avatar, not {type(avatar).__name__}")
        return WarpStream(avatar, self._lip_encoder.open(), self._timing.lookahead_frames, self._plates)

    def step(self, batch: Sequence[tuple[Stream, Chunk]]) -> list[Frame]:
        """Hear one chunk for each stream and draw one frame for each, in order; see engines.api.Engine.

        Raises:
            ValueError: a chunk has the wrong length, type or values. No stream has moved then.
            TypeError: a stream is another engine's. No stream has moved then.
        """
        own = [(_own(stream), self._timing.checked(chunk)) for stream, chunk in batch]
        return [stream.step(chunk) for stream, chunk in own]


def _own(stream: Stream) -> WarpStream:
    if not isinstance(stream, WarpStream):
        raise TypeError(f"expected a stream that this engine opened, not {type(stream).__name__}")
    return stream
