"""The contract of every engine: sound in, pictures out, numpy only. Knows no time: callers decide when.

Three homes for state and no fourth: an Engine lives as long as the process, an Avatar for ever (on disk),
a Stream as long as a session.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Timing:
    """How an engine divides time. Look-ahead is declared, never hidden."""

    lookahead_frames: int  # the picture of frame t may use sound up to the end of frame t + lookahead_frames
    frame_rate: int = 25  # frames a second
    sample_rate: int = 16_000  # samples a second

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
    """The sound of exactly one video frame: (samples_per_frame,) float32 mono in [-1, 1].

    hurry: there is no time for a full picture of it; an engine that has a quicker one draws that.
    """

    samples: NDArray[np.float32]
    index: int
    voiced: bool = True
    hurry: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """One picture: (height, width, 3) uint8 RGB. Owned by the receiver: the engine never writes to it again.

    degraded: it is less than the engine can do, because its chunk was in a hurry.
    """

    image: NDArray[np.uint8]
    index: int
    degraded: bool = False


class Avatar(Protocol):
    """A presenter as the caller sees it; what an engine needs besides is between the engine and its loader."""

    @property
    def name(self) -> str: ...
    @property
    def width(self) -> int: ...
    @property
    def height(self) -> int: ...


class Stream(Protocol):
    """What an engine remembers of one session."""

    def reset(self) -> None:
        """Forget all sound heard so far: the next frame shows a closed mouth; the idle loop goes on."""


class Engine(Protocol):
    """Weights and graphs, frozen after loading."""

    @property
    def timing(self) -> Timing: ...

    def prepare(self, avatar: Avatar) -> None:
        """Work out what never changes of a presenter, once: slow the first time. Thread-safe, as open is.

        Without it the first frame of the presenter's first session is slow.
        """

    def open(self, avatar: Avatar) -> Stream:
        """Begin a session. Cheap: no file is read and no graph is built."""

    def step(self, batch: Sequence[tuple[Stream, Chunk]]) -> list[Frame]:
        """Hear one chunk for each stream and draw one frame for each, in order; a stream comes once in a batch.

        Thread-safe for calls that have no stream in common.

        The frame drawn for chunk i is frame i − lookahead_frames; before the first of them it is the idle
        picture with a negative index. Batching never changes a picture.

        Raises:
            ValueError: a chunk has the wrong length or type. No stream has moved then.
        """
