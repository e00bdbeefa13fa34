"""The warp engine: the presenter's own frames, their mouth moved by the Structurist. Knows no network and no time."""

from __future__ import annotations

from collections.abc import Sequence

from engines.api import Avatar, Chunk, ChunkOrder, Effort, Frame, OutputSpec, Step, Stream, Timing, check_steps
from engines.face.avatar import FaceAvatar
from engines.face.interior import MouthInteriorTextures
from engines.face.mouth_canvas import MouthCanvas
from engines.speech.api import LipEncoder, LipEncoderStream

USUAL_COST_MS = 10.0  # benchmarks.sessions, 95th percentile with encoding on two cores (AMD EPYC), some to spare


class WarpStream:
    """One session: the state of the lip encoder, and of the idle loop."""

    __slots__ = ("_canvas", "_encoder", "_lookahead", "order")

    def __init__(
        self, avatar: FaceAvatar, encoder: LipEncoderStream, lookahead: int, textures: MouthInteriorTextures
    ) -> None:
        self.order = ChunkOrder()
        self._encoder = encoder
        self._lookahead = lookahead
        self._canvas = MouthCanvas(avatar, textures)

    def reset(self) -> None:
        """Forget all audio: the next frame shows a closed mouth; the idle loop goes on."""
        self._encoder.reset()
        self.order.reset()

    def step(self, chunk: Chunk, effort: Effort) -> Frame:
        """Hear a chunk, draw the frame that is due: the one of lookahead chunks ago."""
        self.order.advance(chunk)
        index, motion, loop = chunk.index - self._lookahead, self._encoder.step(chunk.samples), self._canvas.advance()
        if effort is Effort.LISTEN:
            return Frame(index)
        return Frame(index, self._canvas.idle(loop) if motion.at_rest else self._canvas.compose(loop, motion))


class WarpEngine:
    """Lip encoder, then Structurist, then compositor. Holds nothing of a session."""

    __slots__ = ("_lip_encoder", "_textures", "_timing")

    def __init__(self, lip_encoder: LipEncoder) -> None:
        self._lip_encoder = lip_encoder
        self._timing = Timing(lookahead_frames=lip_encoder.lookahead_frames)
        self._textures = MouthInteriorTextures()

    @property
    def timing(self) -> Timing:
        return self._timing

    @property
    def output(self) -> OutputSpec:
        return OutputSpec(USUAL_COST_MS)

    def prepare(self, avatar: Avatar) -> None:
        """Open a stream, to fill the caches that streams share."""
        self.open(avatar)

    def open(self, avatar: Avatar) -> WarpStream:
        """Begin a session with a presenter that load_avatar read.

        Raises:
            TypeError: the avatar is another engine's.
        """
        if not isinstance(avatar, FaceAvatar):
            raise TypeError(f"expected an avatar read by load_avatar, not {type(avatar).__name__}")
        return WarpStream(avatar, self._lip_encoder.open(), self._timing.lookahead_frames, self._textures)

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
