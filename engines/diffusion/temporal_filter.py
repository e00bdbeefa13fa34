"""The temporal filter of the Noise Sensor: at every pixel a Gaussian in time, as wide as the noise there is strong.

Knows nothing of where the noise comes from. Offline and streaming forms agree, and time never wraps around.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from enum import Enum
from itertools import islice

import numpy as np

from engines.arrays import F32

SOFTEST = 1e-6  # square pixels: keeps the kernel's exponent finite where there is no noise at all


class Kernel(Enum):
    """Which frames the filter looks at: so many before the one that it draws, and so many after it."""

    CAUSAL = (2, 0)
    CENTRED_3 = (1, 1)
    CENTRED_5 = (2, 2)

    @property
    def history(self) -> int:
        """Frames before the one that is drawn."""
        history, _ = self.value
        return int(history)

    @property
    def lookahead(self) -> int:
        """Frames that must have come before a frame can be drawn: an engine adds them to its own look-ahead."""
        _, lookahead = self.value
        return int(lookahead)

    @property
    def offsets(self) -> range:
        return range(-self.history, self.lookahead + 1)


def kernel_weights(pattern: F32, offsets: Sequence[int]) -> F32:
    """G(k) = softmax over k of −k² / 2D²: (len(offsets), H, W), summing to 1 at every pixel.

    pattern: D, (H, W) pixels, ≥ 0. Where D is 0 the frame itself has all the weight.
    """
    squares = np.square(np.asarray(offsets, np.float32))[:, None, None]
    weights = np.exp(-squares / (2 * np.square(pattern)[None] + np.float32(SOFTEST)))
    weights /= weights.sum(axis=0)
    return np.asarray(weights, np.float32)


def filter_clip(frames: F32, pattern: F32, kernel: Kernel) -> F32:
    """All frames of a clip at once, (T, H, W, C): what TemporalFilter gives one by one.

    pattern: D, (H, W), the same for all. Before the first frame stands the first, after the last the last.
    """
    weights = kernel_weights(pattern, kernel.offsets)
    smooth = np.zeros_like(frames)
    for offset, weight in zip(kernel.offsets, weights, strict=True):
        at = np.clip(np.arange(len(frames)) + offset, 0, len(frames) - 1)
        smooth += weight[None, :, :, None] * frames[at]
    return smooth


class TemporalFilter:
    """The filter of one stream, frame by frame; late by the kernel's look-ahead."""

    __slots__ = ("_frames", "_kernel", "_pattern", "_product", "_waiting", "_weights")

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel
        self._frames: deque[F32] = deque(maxlen=len(kernel.offsets))
        self._waiting = 0  # frames that came and have not been drawn
        self._pattern: F32 | None = None  # that the weights are of
        self._weights = self._product = np.zeros((0, 0, 0), np.float32)

    def reset(self) -> None:
        """The next frame is the first."""
        self._frames.clear()
        self._waiting = 0

    def step(self, frame: F32, pattern: F32) -> F32 | None:
        """Take frame t, (H, W, C), which the caller no longer writes to; draw frame t − lookahead, or None before
        there is one. pattern: D, (H, W), for the frame that is drawn, not written to either: while it is the same
        array, its weights are not computed again."""
        if not self._frames:
            self._frames.extend([frame] * self._kernel.history)
        self._frames.append(frame)
        self._waiting += 1
        if self._waiting <= self._kernel.lookahead:
            return None
        self._waiting -= 1
        return self._drawn(pattern)

    def flush(self, pattern: F32) -> list[F32]:
        """Draw the frames that are still due, with the last one standing for those that will not come."""
        rest = []
        for to_come in range(self._kernel.lookahead if self._waiting else 0, 0, -1):
            self._frames.append(self._frames[-1])
            if to_come <= self._waiting:
                rest.append(self._drawn(pattern))
        self.reset()
        return rest

    def _drawn(self, pattern: F32) -> F32:
        if pattern is not self._pattern:
            self._learn(pattern, self._frames[-1].shape[2])
        drawn: F32 = np.multiply(self._weights[0], self._frames[0])
        for weight, frame in zip(self._weights[1:], islice(self._frames, 1, None), strict=True):
            drawn += np.multiply(weight, frame, out=self._product)
        return drawn

    def _learn(self, pattern: F32, channels: int) -> None:
        self._pattern = pattern
        weights = kernel_weights(pattern, self._kernel.offsets)
        # One for each channel: products of arrays of one shape are several times as quick.
        self._weights = np.repeat(weights[..., None], channels, axis=3)
        self._product = np.empty_like(self._weights[0])
