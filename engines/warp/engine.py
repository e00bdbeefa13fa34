"""The warp engine: the presenter's own picture, its mouth moved by the Structurist. Knows no network and no time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engines.api import Avatar, Chunk, ChunkOrder, Effort, Frame, OutputSpec, Picture, Step, Stream, Timing, check_steps
from engines.face.avatar import FaceAvatar
from engines.face.composite import Windows, blend, mask_in_window
from engines.face.interior import Plates
from engines.face.structurist import Structurist
from engines.motion import LipMotion
from engines.speech.api import LipEncoder, LipEncoderStream

USUAL_COST_MS = 10.0  # benchmarks.sessions, 95th percentile with encoding on two cores (AMD EPYC), some to spare


class WarpStream:
    """One session: what the lip encoder remembers, and the place in the idle loop."""

    __slots__ = ("_avatar", "_encoder", "_lookahead", "_position", "_structurist", "_windows", "order")

    def __init__(self, avatar: FaceAvatar, encoder: LipEncoderStream, lookahead: int, plates: Plates) -> None:
        self._avatar = avatar
        self._encoder = encoder
        self.order = ChunkOrder()
        self._lookahead = lookahead
        self._position = 0
        self._windows = Windows(avatar)
        scale = float(np.sqrt(np.abs(np.linalg.det(avatar.face.alignment[0, :, :2].astype(np.float64)))))
        self._structurist = Structurist(avatar.face, self._windows.height, self._windows.width, scale, plates)

    def reset(self) -> None:
        """Forget all sound heard so far: the next frame shows a closed mouth; the idle loop goes on."""
        self._encoder.reset()
        self.order.reset()

    def step(self, chunk: Chunk, effort: Effort) -> Frame:
        """Hear a chunk, draw the frame that is due: the one of lookahead chunks ago."""
        self.order.advance(chunk)
        motion = self._encoder.step(chunk.samples)
        frame = self._position % len(self._avatar.loop)
        self._position += 1
        picture = None if effort is Effort.LISTEN else self._picture(frame, motion)
        return Frame(chunk.index - self._lookahead, picture)

    def _picture(self, frame: int, motion: LipMotion) -> Picture:
        still: NDArray[np.uint8] = self._avatar.loop[frame]
        picture: NDArray[np.uint8] = still.copy()
        if not motion.coefficients.any():
            return Picture(picture, changed=self._windows.nothing)
        to_window = self._windows.to_window(self._avatar, frame)
        drawn = self._structurist.draw(still, self._avatar.face.alignment[frame], to_window, motion)
        mask = mask_in_window(self._avatar.face.mask, to_window, *drawn.shape[:2])
        blend(picture, drawn, mask, self._windows.origin(frame))
        return Picture(picture, changed=self._windows.box(frame))


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

    @property
    def output(self) -> OutputSpec:
        return OutputSpec(USUAL_COST_MS)

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

    def step(self, steps: Sequence[Step]) -> list[Frame]:
        """Hear one chunk for each stream and draw one frame for each, in order; see engines.api.Engine.

        Raises:
            ValueError: a chunk has the wrong length or type or is not the next one, or a stream comes twice. No stream
                has moved then.
            TypeError: a stream is another engine's. No stream has moved then.
        """
        own = [(_own(step.stream), self._timing.checked(step.chunk), step.effort) for step in steps]
        check_steps(self.output, steps, [stream.order for stream, _, _ in own])
        return [stream.step(chunk, effort) for stream, chunk, effort in own]

    def reset(self, stream: Stream) -> None:
        _own(stream).reset()

    def close(self, stream: Stream) -> None:
        """Nothing is held of a stream but by its caller."""
        _own(stream)


def _own(stream: Stream) -> WarpStream:
    if not isinstance(stream, WarpStream):
        raise TypeError(f"expected a stream that this engine opened, not {type(stream).__name__}")
    return stream
