"""The diffusion engine: lip encoder, Structurist, network, Noise Sensor, compositor. Knows no network card and no time.

One call of the network serves the frames of several sessions. Its residual, what it adds to the structure frame, is
added to the Structurist's frame at the presenter's own resolution, so that skin stays as sharp as it was. All but the
network runs stream by stream on the CPU, and with a fast network takes longer than it: threads share that work.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from engines.api import Avatar, Frame, OutputSpec, Step, Stream, Timing, check_steps
from engines.arrays import F32
from engines.backends.batch_planner import BatchPlanner
from engines.diffusion.conditioning import ConditioningCache, Precompute
from engines.diffusion.frame_refiner import FrameStepInputs, MethodOptions, run_network
from engines.diffusion.stream import DiffusionStream, Shared
from engines.face.avatar import FaceAvatar
from engines.speech.api import LipEncoder

# benchmarks.sessions, 95th percentile with encoding beside a second session on two cores (AMD EPYC).
USUAL_COST_MS = 36.0

A = TypeVar("A")
B = TypeVar("B")


class DiffusionEngine:
    """Holds nothing of a session."""

    __slots__ = ("_conditioning", "_lip_encoder", "_network", "_pool", "_shared", "_timing")

    def __init__(
        self,
        lip_encoder: LipEncoder,
        network: BatchPlanner,
        precompute: Precompute,
        options: MethodOptions | None = None,
        threads: int = 1,
    ) -> None:
        """network: the frame step; precompute: works out its conditioning on a presenter.

        threads: how many share the work on the streams of a call; 1: the caller's own alone.
        """
        self._network = network
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="stream") if threads > 1 else None
        self._conditioning = ConditioningCache(precompute)
        self._lip_encoder = lip_encoder
        options = options or MethodOptions()
        self._timing = Timing(lookahead_frames=lip_encoder.lookahead_frames + options.lookahead)
        shapes = {spec.name: spec.shape for spec in network.graphs[1].inputs}
        size, latent = shapes["structure"][-1], shapes["noise"][1:]
        self._shared = Shared(options, size, latent, lip_encoder.lookahead_frames)

    @property
    def timing(self) -> Timing:
        return self._timing

    @property
    def output(self) -> OutputSpec:
        return OutputSpec(USUAL_COST_MS)

    def prepare(self, avatar: Avatar) -> None:
        """Precompute the conditioning, and open a stream to fill the caches that streams share."""
        self._conditioning.of(_face(avatar))
        self.open(avatar)

    def open(self, avatar: Avatar) -> DiffusionStream:
        """Begin a session with a presenter that load_avatar read.

        Raises:
            TypeError: the avatar is another engine's.
        """
        return DiffusionStream(_face(avatar), self._lip_encoder.open(), self._shared)

    def step(self, steps: Sequence[Step]) -> list[Frame]:
        """Hear one chunk for each stream and draw one frame for each, in order; see engines.api.Engine.

        Raises:
            ValueError: a chunk has the wrong length or type or is not the next one, or a stream comes twice. No stream
                has moved then.
            TypeError: a stream is another engine's. No stream has moved then.
            RuntimeError: the network or its runtime failed. Streams may have moved then.
        """
        own = [_own(step.stream) for step in steps]
        for step in steps:
            self._timing.checked(step.chunk)
        check_steps(self.output, steps, [stream.order for stream in own])
        try:
            return self._frames(list(zip(own, steps, strict=True)))
        except ValueError as error:  # a GraphError, for one: to callers it would say that no stream has moved
            raise RuntimeError(f"the engine failed after its streams had heard their chunks: {error}") from error

    def reset(self, stream: Stream) -> None:
        _own(stream).reset()

    def close(self, stream: Stream) -> None:
        """Nothing is held of a stream but by its caller."""
        _own(stream)

    def _frames(self, own: Sequence[tuple[DiffusionStream, Step]]) -> list[Frame]:
        heard = self._each(self._hear, own)
        outputs = iter(run_network(self._network, [inputs for inputs in heard if inputs is not None]))
        refined = [
            (stream, step, inputs, None if inputs is None else next(outputs))
            for (stream, step), inputs in zip(own, heard, strict=True)
        ]
        return self._each(_draw, refined)

    def _hear(self, pair: tuple[DiffusionStream, Step]) -> FrameStepInputs | None:
        stream, step = pair
        return stream.hear(step.chunk, step.effort, self._conditioning.of(stream.avatar))

    def _each(self, work: Callable[[A], B], streams: Iterable[A]) -> list[B]:
        """The work on every stream, in order. Streams share nothing that changes, so it may be done side by side.

        Where one fails, none is worked on any more once that is raised.
        """
        if self._pool is None:
            return [work(each) for each in streams]
        asked = [self._pool.submit(work, each) for each in streams]
        wait(asked)
        return [each.result() for each in asked]


def _draw(refined: tuple[DiffusionStream, Step, FrameStepInputs | None, F32 | None]) -> Frame:
    stream, step, inputs, output = refined
    return stream.draw(step.chunk, step.effort, inputs, output)


def _face(avatar: Avatar) -> FaceAvatar:
    if not isinstance(avatar, FaceAvatar):
        raise TypeError(f"expected an avatar read by load_avatar, not {type(avatar).__name__}")
    return avatar


def _own(stream: Stream) -> DiffusionStream:
    if not isinstance(stream, DiffusionStream):
        raise TypeError(f"expected a stream that this engine opened, not {type(stream).__name__}")
    return stream
