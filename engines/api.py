"""The contract of every engine: audio in, frames out, numpy only. Knows no time: callers decide when.

Three homes for state and no fourth: an Engine lives as long as the process, an Avatar for ever (on disk),
a Stream as long as a session.

Every chunk is heard, in order, whatever is drawn of it: an engine's look-ahead counts chunks, so one that was never
heard would shift every later frame against its audio. A stream therefore refuses a gap, a frame carries the number
of the chunk it shows, and a caller with no time for a frame asks for Effort.LISTEN.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

# Of every engine that ships; other modules import them from here.
FRAME_RATE = 25  # frames a second
SAMPLE_RATE = 16_000  # samples a second


@dataclass(frozen=True, slots=True)
class Timing:
    """How an engine divides time. Look-ahead is declared, never hidden."""

    lookahead_frames: int  # frame t may use audio up to the end of frame t + lookahead_frames
    frame_rate: int = FRAME_RATE  # frames a second
    sample_rate: int = SAMPLE_RATE  # samples a second

    def __post_init__(self) -> None:
        if self.sample_rate % self.frame_rate:
            raise ValueError(
                f"a frame must hold a whole number of samples: {self.sample_rate} Hz at {self.frame_rate} fps does not"
            )
        if self.lookahead_frames < 0:
            raise ValueError(f"look-ahead must be 0 frames or more, not {self.lookahead_frames}")

    @property
    def samples_per_frame(self) -> int:
        return self.sample_rate // self.frame_rate

    def checked(self, chunk: Chunk) -> Chunk:
        """The chunk, if it is one.

        Raises:
            ValueError: its samples have the wrong length or type.
        """
        shape = (self.samples_per_frame,)
        if chunk.samples.shape != shape or chunk.samples.dtype != np.float32:
            raise ValueError(
                f"chunk {chunk.index}: expected samples {shape} float32, "
                f"not {chunk.samples.shape} {chunk.samples.dtype}"
            )
        return chunk


@dataclass(frozen=True, slots=True, eq=False)
class Chunk:
    """The audio of exactly one video frame: (samples_per_frame,) float32 mono in [-1, 1]."""

    samples: NDArray[np.float32]
    index: int
    voiced: bool = True


class Effort(Enum):
    """How much of a frame to draw."""

    FULL = "full"
    QUICK = "quick"  # no time for the network: an engine that has a cheaper frame draws that
    LISTEN = "listen"  # hear the audio, draw nothing


@dataclass(frozen=True, slots=True)
class Style:
    """How a presenter says something, beside what the audio says; engines declare what they understand of it.

    expression: ARKit coefficient → what is added to it, in [-1, 1]; intensity: of all of them, in [0, 1].
    """

    expression: Mapping[str, float] = field(default_factory=dict)
    intensity: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """One chunk for one stream, and what to make of it."""

    stream: Stream
    chunk: Chunk
    effort: Effort = Effort.FULL
    style: Style | None = None


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle of pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """(height, width, 3) uint8 RGB, and (height, width) uint8 alpha where the engine has a matte.

    Owned by the receiver: the engine never writes to it again. changed: outside of this box the picture is the idle
    loop's, pixel for pixel; None: nothing is known of it.
    """

    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None
    changed: Box | None = None


@dataclass(frozen=True, slots=True)
class Motion:
    """A frame as numbers instead of pixels: a face's coefficients by name."""

    names: tuple[str, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """What an engine made of one chunk.

    index: of the chunk that it shows; before the first one it is negative. picture: None for Effort.LISTEN and for
    engines without pictures. degraded: it is less than the engine can do, because its effort was QUICK.
    """

    index: int
    picture: Picture | None = None
    motion: Motion | None = None
    degraded: bool = False

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """(height, width, 3) uint8.

        Raises:
            ValueError: the frame has no picture.
        """
        if self.picture is None:
            raise ValueError(f"frame {self.index} has no picture: expected one drawn with Effort.FULL or QUICK")
        return self.picture.rgb


@dataclass(frozen=True, slots=True)
class OutputSpec:
    """What an engine gives.

    styles: ARKit coefficients that it understands in a Style. usual_cost_ms: what drawing and encoding a frame takes
    at the 95th percentile on two cores that others use too, milliseconds; what callers set aside unless told otherwise.
    """

    usual_cost_ms: float
    alpha: bool = False
    motion: bool = False
    styles: frozenset[str] = frozenset()

    def checked(self, style: Style | None) -> None:
        """
        Raises:
            ValueError: the engine does not understand the style.
        """
        unknown = sorted(set(style.expression) - self.styles) if style else []
        if unknown:
            known = ", ".join(sorted(self.styles)) or "none"
            raise ValueError(f"this engine knows no style {unknown[0]!r}: expected one of {known}")


class Avatar(Protocol):
    """A presenter as the caller sees it; what an engine needs besides is between the engine and its loader."""

    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class Stream(Protocol):
    """What an engine remembers of one session: a handle, meaningful to the engine that opened it alone."""


class ChunkOrder:
    """Sees to it that a stream hears every chunk: the index that must come next."""

    __slots__ = ("_next",)

    def __init__(self) -> None:
        self._next: int | None = None  # any index may come first

    def check(self, chunk: Chunk) -> None:
        """
        Raises:
            ValueError: a chunk before this one was never heard, or this one was heard already.
        """
        if self._next is not None and chunk.index != self._next:
            raise ValueError(
                f"expected chunk {self._next}, not {chunk.index}: every chunk must be heard; "
                "where there is no time to draw, ask for Effort.LISTEN"
            )

    def advance(self, chunk: Chunk) -> None:
        self._next = chunk.index + 1

    def reset(self) -> None:
        self._next = None


class Engine(Protocol):
    """Weights and graphs, frozen after loading."""

    @property
    def timing(self) -> Timing: ...

    @property
    def output(self) -> OutputSpec: ...

    def prepare(self, avatar: Avatar) -> None:
        """Work out what never changes of a presenter, once: slow the first time. Thread-safe, as open is.

        Without it the first frame of the presenter's first session is slow.
        """

    def open(self, avatar: Avatar) -> Stream:
        """Begin a session. Cheap: no file is read and no graph is built."""

    def step(self, steps: Sequence[Step]) -> list[Frame]:
        """Hear one chunk for each stream and draw one frame for each, in order; a stream comes once in a call.

        Thread-safe for calls that have no stream in common.

        The frame drawn for chunk i is frame i - lookahead_frames; before the first of them it is the idle
        picture with a negative index. Batching never changes a picture, and neither does Effort.LISTEN those after it:
        but for what a network added to earlier ones, they are as if every frame had been drawn.

        Raises:
            ValueError: a chunk has the wrong length or type or is not the next one of its stream, a stream comes
                twice, or a style is not understood. No stream has moved then.
        """

    def reset(self, stream: Stream) -> None:
        """Forget all audio heard so far: the next frame shows a closed mouth; the idle loop goes on."""

    def close(self, stream: Stream) -> None:
        """End a session; the stream is not used any more. Never raises for a stream of this engine."""


def check_steps(output: OutputSpec, steps: Sequence[Step], orders: Sequence[ChunkOrder]) -> None:
    """What every engine must refuse before a stream moves. orders: of the steps' streams.

    Raises:
        ValueError: a chunk is not the next one of its stream, a stream comes twice, or a style is not understood.
    """
    if len({id(step.stream) for step in steps}) < len(steps):
        raise ValueError("expected each stream once in a call: its chunks are heard one after the other")
    for step, order in zip(steps, orders, strict=True):
        order.check(step.chunk)
        output.checked(step.style)
