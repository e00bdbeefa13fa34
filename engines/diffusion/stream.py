"""One session of the diffusion engine: its audio, its position in the idle loop, and the frames in its look-ahead.

The state that surrounds the network (noise, Noise Sensor, the latest residual) is FrameRefiner's, which knows neither
loop nor audio: precomputing a pack's calibration and the quality benchmark run it without a session. The network itself
is run by the engine, for all streams of a call at once: between `hear` and `draw`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from engines.api import Chunk, ChunkOrder, Effort, Frame
from engines.arrays import F32, U8
from engines.diffusion.conditioning import Conditioning
from engines.diffusion.frame_refiner import FrameRefiner, FrameStepInputs, MethodOptions
from engines.face.avatar import FaceAvatar
from engines.face.interior import MouthInteriorTextures
from engines.face.mouth_canvas import MouthCanvas
from engines.face.structurist import ResampledStructure
from engines.motion import LipMotion
from engines.speech.api import LipEncoderStream


@dataclass(frozen=True, slots=True, eq=False)
class PendingFrame:
    """A frame in the look-ahead: heard, but its residual is not known yet.

    index: of its chunk; loop: which frame of the idle loop; degraded: the network was needed and skipped; drawn: the
    mouth's window, None where it is painted only if it is shown.
    """

    index: int
    loop: int
    motion: LipMotion
    degraded: bool = False
    drawn: U8 | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Shared:
    """What is the same for all streams of an engine. size: of the network's frames, pixels; latent: shape of one
    frame's noise; encoder_lookahead: the lip encoder's, frames."""

    options: MethodOptions
    size: int
    latent: tuple[int, ...]
    encoder_lookahead: int
    textures: MouthInteriorTextures = field(default_factory=MouthInteriorTextures)


class DiffusionStream:
    """State of one session. `hear`, then `draw`, once for each chunk and in order."""

    __slots__ = (
        "_canvas", "_encoder", "_encoder_lookahead", "_lookahead", "_pending", "_refiner", "_structure", "order",
    )  # fmt: skip

    def __init__(self, avatar: FaceAvatar, encoder: LipEncoderStream, shared: Shared) -> None:
        self.order = ChunkOrder()
        self._encoder = encoder
        self._encoder_lookahead = shared.encoder_lookahead
        self._refiner = FrameRefiner(shared.options, shared.size, shared.latent)
        self._lookahead = shared.options.lookahead  # frames by which what is shown follows what is heard
        self._pending: deque[PendingFrame] = deque(maxlen=self._lookahead + 1)
        self._canvas = MouthCanvas(avatar, shared.textures)
        self._structure = ResampledStructure(avatar.face, shared.size, shared.textures)

    @property
    def avatar(self) -> FaceAvatar:
        return self._canvas.avatar

    def reset(self) -> None:
        """Forget all audio: the next frame shows a closed mouth; the idle loop goes on."""
        self._encoder.reset()
        self.order.reset()
        self._refiner.reset()
        self._pending.clear()

    def hear(self, chunk: Chunk, effort: Effort, conditioning: Conditioning) -> FrameStepInputs | None:
        """Hear a chunk. Returns the network's inputs, or None where it is skipped: at rest, with less than full
        effort, or where the mouth has hardly moved."""
        self.order.advance(chunk)
        index, motion, loop = (
            chunk.index - self._encoder_lookahead,
            self._encoder.step(chunk.samples),
            self._canvas.advance(),
        )
        if motion.at_rest:
            self._pending.append(PendingFrame(index, loop, motion))
            return None
        if effort is Effort.LISTEN:  # painted later, if a kernel that looks ahead still needs it
            self._pending.append(PendingFrame(index, loop, motion, degraded=True))
            return None
        still, warp = self._canvas.still(loop), self._canvas.warp(loop, motion)
        structure, drawn = self._structure.draw(still, warp), self._canvas.paint(still, warp)
        needed = self._refiner.needs_network(structure)
        self._pending.append(PendingFrame(index, loop, motion, effort is not Effort.FULL and needed, drawn))
        if effort is not Effort.FULL or not needed:
            return None
        self._refiner.calibrate(conditioning.calibration)
        return self._refiner.prepare(structure, motion, conditioning.feeds(loop, motion))

    def draw(self, chunk: Chunk, effort: Effort, inputs: FrameStepInputs | None, output: F32 | None) -> Frame:
        """The frame that is due now that chunk was heard. output: the network's, (3, S, S) in [0, 1]."""
        residual = self._residual(inputs, output)
        due = self._pending[0]
        index = due.index if residual is not None else chunk.index - self._encoder_lookahead - self._lookahead
        if effort is Effort.LISTEN:
            return Frame(index)
        if residual is None:  # the first frames of a kernel that looks ahead
            return Frame(index, self._canvas.idle(self._canvas.earlier(self._lookahead)))
        if due.motion.at_rest and not residual.any():
            return Frame(index, self._canvas.idle(due.loop), degraded=due.degraded)
        return Frame(index, self._canvas.compose(due.loop, due.motion, due.drawn, residual), degraded=due.degraded)

    def _residual(self, inputs: FrameStepInputs | None, output: F32 | None) -> F32 | None:
        """Of the frame that is due, (S, S, 3) in grey levels; None while the look-ahead fills."""
        latest = self._pending[-1]
        if inputs is not None and output is not None:
            return self._refiner.apply(inputs, output)
        if latest.motion.at_rest:
            return self._refiner.skip_at_rest(latest.motion)
        return self._refiner.decay(latest.motion) if latest.degraded else self._refiner.reuse(latest.motion)
