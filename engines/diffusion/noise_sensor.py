"""The Noise Sensor: a Gaussian prior on motion that finds flicker, pixel by pixel, and smooths it away in time.

Knows nothing of networks, sound or clocks, and learns nothing. Paper: FreeTalkDiff, "Noise Sensor" and Theorem 1,
written from the equations: standard deviations, and time that never wraps around. The real motion is that of the
structure frames: the motion that was asked for must not count as noise.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from engines.arrays import F32, U8
from engines.diffusion.temporal_filter import Kernel, TemporalFilter

LEAST_FLOWS = 2  # fewer have no variance
LEARNT = 25  # flows of a stream after which not every pair of frames is looked at any more
LEAST_VARIANCE = 1e-12  # square pixels: a flow that varies less explains nothing

# Farnebäck's flow, as the paper's authors set it, with a window that suits pictures of FLOW_SIZE.
FLOW_SIZE = 64  # pixels of the side on which motion is looked for; D is given in pixels of the picture all the same
PYRAMID_SCALE, PYRAMID_LEVELS, WINDOW, ITERATIONS, NEIGHBOURS, SIGMA = 0.5, 3, 9, 2, 5, 1.2


def noise_pattern(fake: F32, real: F32) -> F32:
    """Theorem 1 over a clip: D, (H, W) pixels. fake, real: flows (T, H, W, 2) of what was drawn and what was wanted.

    For either axis, σ_R² = σ_fake² − Cov(fake, real)² / σ_real², with unbiased moments; D² is their sum.

    Raises:
        ValueError: the flows are not of one shape, or fewer than two.
    """
    if fake.shape != real.shape or fake.ndim != 4 or len(fake) < LEAST_FLOWS:
        raise ValueError(f"expected {LEAST_FLOWS} flows (H, W, 2) or more of either, not {fake.shape} and {real.shape}")
    around_fake, around_real = fake - fake.mean(axis=0), real - real.mean(axis=0)
    count = np.float32(len(fake) - 1)
    covariance = (around_fake * around_real).sum(axis=0) / count
    return _residual(np.square(around_fake).sum(axis=0) / count, np.square(around_real).sum(axis=0) / count, covariance)


def _residual(fake: F32, real: F32, covariance: F32) -> F32:
    """D of the moments (H, W, 2) of both axes."""
    explained = np.square(covariance) / np.maximum(real, np.float32(LEAST_VARIANCE))
    # Never below 0, by Cauchy and Schwarz; rounding does not know them.
    return np.asarray(np.sqrt(np.maximum(fake - explained, 0).sum(axis=2)), np.float32)


class RunningPattern:
    """Moments of both flows at every pixel, flow by flow: after each the same as over all that came.

    memory: flows after which the oldest begin to be forgotten; None: none ever is. Scenes change, sessions are long.
    """

    __slots__ = ("_count", "_covariance", "_fake", "_fake_mean", "_memory", "_real", "_real_mean")

    def __init__(self, memory: int | None = None) -> None:
        if memory is not None and memory < LEAST_FLOWS:
            raise ValueError(f"expected a memory of {LEAST_FLOWS} flows or more, not {memory}")
        self._memory = memory
        self._count = 0

    def update(self, fake: F32, real: F32) -> None:
        """fake, real: (H, W, 2) flows between the same two moments, pixels a frame."""
        if fake.shape != real.shape or fake.ndim != 3 or fake.shape[2] != 2:
            raise ValueError(f"expected two flows of one shape (H, W, 2), not {fake.shape} and {real.shape}")
        self._count += 1
        if self._count == 1:
            self._begin(fake, real)
            return
        share = np.float32(1 / min(self._count, self._memory or self._count))
        from_fake, from_real = fake - self._fake_mean, real - self._real_mean
        self._fake_mean += share * from_fake
        self._real_mean += share * from_real
        keep = 1 - share
        # Means of products of deviations: x̄ moves by share·d, so d·d counts share·(1 − share).
        for moment, product in (
            (self._fake, from_fake * from_fake),
            (self._real, from_real * from_real),
            (self._covariance, from_fake * from_real),
        ):
            moment += share * product
            moment *= keep

    @property
    def flows(self) -> int:
        """How many flows the moments are of."""
        return min(self._count, self._memory or self._count)

    def pattern(self) -> F32:
        """D, (H, W) pixels; zeros until there are two flows.

        Raises:
            ValueError: no flow has come: not even the size is known.
        """
        if self._count == 0:
            raise ValueError("expected one flow or more before the noise pattern is asked for")
        if self._count < LEAST_FLOWS:
            return np.zeros(self._fake.shape[:2], np.float32)
        remembered = min(self._count, self._memory or self._count)
        unbiased = np.float32(remembered / (remembered - 1))
        return _residual(unbiased * self._fake, unbiased * self._real, unbiased * self._covariance)

    def _begin(self, fake: F32, real: F32) -> None:
        self._fake_mean, self._real_mean = fake.copy(), real.copy()
        self._fake, self._real, self._covariance = (np.zeros_like(fake) for _ in range(3))


class FlowMeter:
    """The motion from each picture to the next, (FLOW_SIZE, FLOW_SIZE, 2), in pixels of the picture."""

    __slots__ = ("_before",)

    def __init__(self) -> None:
        self._before: U8 | None = None

    def reset(self) -> None:
        self._before = None

    def step(self, picture: U8) -> F32 | None:
        """picture: (S, S, 3) uint8 RGB. None for the first."""
        grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
        small = np.asarray(cv2.resize(grey, (FLOW_SIZE, FLOW_SIZE), interpolation=cv2.INTER_AREA), np.uint8)
        before, self._before = self._before, small
        if before is None:
            return None
        flow = cv2.calcOpticalFlowFarneback(
            before, small, np.zeros((FLOW_SIZE, FLOW_SIZE, 2), np.float32),
            PYRAMID_SCALE, PYRAMID_LEVELS, WINDOW, ITERATIONS, NEIGHBOURS, SIGMA, 0,
        )  # fmt: skip
        return np.asarray(flow * np.float32(picture.shape[0] / FLOW_SIZE), np.float32)


class CorrelatedNoise:
    """Noise for the sampler that changes slowly: unit variance, and a share `correlation` of it from frame to frame.

    Fresh noise flickers; the same noise for ever makes texture stick to the screen.
    """

    __slots__ = ("_correlation", "_draw", "_now", "_shape")

    def __init__(self, shape: tuple[int, ...], correlation: float, seed: int) -> None:
        """correlation: in [0, 1]; 0 is fresh noise for each frame, 1 the same for all."""
        if not 0 <= correlation <= 1:
            raise ValueError(f"expected a correlation within 0..1, not {correlation}")
        self._shape = shape
        self._correlation = np.float32(correlation)
        self._draw = np.random.default_rng(seed)
        self._now: F32 | None = None

    def step(self) -> F32:
        """The noise of the next frame, freshly allocated."""
        if self._now is None:
            self._now = self._draw.standard_normal(self._shape, np.float32)
        elif self._correlation < 1:
            fresh = self._draw.standard_normal(self._shape, np.float32)
            self._now = self._correlation * self._now + np.sqrt(1 - np.square(self._correlation)) * fresh
        return self._now.copy()


@dataclass(frozen=True, slots=True)
class Prior:
    """How a Noise Sensor works. correlation: of the sampler's noise; memory: flows, see RunningPattern, of some
    20 s where one frame in four is measured.

    every: of so many frames one has its flow measured, once LEARNT were. 1: all, as in the paper. Flows cost more than
    the rest of the Noise Sensor, and of a pattern that hardly changes any of them tell the same.
    """

    kernel: Kernel = Kernel.CAUSAL
    correlation: float = 0.98
    memory: int | None = 125
    every: int = 4

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"expected flows of every frame (1) or of every so many, not {self.every}")


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """What was found of the noise before a stream began. pattern: D, (FLOW_SIZE, FLOW_SIZE); flows: of how many."""

    pattern: F32
    flows: int


class NoiseSensor:
    """The temporal part of one stream: finds D as frames come, and smooths them by it."""

    __slots__ = ("_calibration", "_every", "_fake", "_filter", "_pause", "_real", "_resized", "_running")

    def __init__(self, prior: Prior, size: int) -> None:
        """size: of the pictures' side, pixels."""
        self._filter = TemporalFilter(prior.kernel)
        self._fake, self._real = FlowMeter(), FlowMeter()
        self._running = RunningPattern(prior.memory)
        self._every, self._pause = prior.every, 0  # frames before motion is looked for again
        self._resized: F32 = np.zeros((size, size), np.float32)
        self._calibration: Calibration | None = None

    def begin(self, calibration: Calibration) -> None:
        """Begin with what is known, if nothing was seen yet. It goes on to count for as many flows as it was of."""
        if self._calibration is None and not self._running.flows:
            self._calibration = calibration
            self._show(calibration.pattern)

    @property
    def pattern(self) -> F32:
        """D as known now, (S, S) pixels."""
        return self._resized

    def reset(self) -> None:
        """Forget the frames, but not what was learnt of the noise: the presenter and the network stay the same."""
        self._filter.reset()
        self._fake.reset()
        self._real.reset()

    def step(self, drawn: F32, fake: U8, real: U8) -> F32 | None:
        """What to show, (S, S, C), for the frame that is due; None before there is one.

        drawn: (S, S, C), what is smoothed; fake: (S, S, 3) uint8, the picture that the network drew; real: the
        structure frame of the same moment.
        """
        if self._pause:
            self._pause -= 1
        else:
            self._look(fake, real)
        return self._filter.step(drawn, self._resized)

    def skip(self, drawn: F32) -> F32 | None:
        """The same for a frame that the network was not asked for: no motion is learnt from it."""
        self._fake.reset()
        self._real.reset()
        return self._filter.step(drawn, self._resized)

    def _look(self, fake: U8, real: U8) -> None:
        """Learn from the motion since the frame before, if there was one."""
        fake_flow, real_flow = self._fake.step(fake), self._real.step(real)
        if fake_flow is None or real_flow is None:
            return
        self._running.update(fake_flow, real_flow)
        self._show(self._pooled())
        if self._every > 1 and self._running.flows >= LEARNT:
            self._pause = self._every - 2  # then one frame to begin from, and one whose motion counts
            self._fake.reset()
            self._real.reset()

    def _pooled(self) -> F32:
        """D of the flows that came, and of those before the stream began: the mean of D² over them all."""
        pattern, known = self._running.pattern(), self._calibration
        if known is None:
            return pattern
        came, before = np.float32(self._running.flows), np.float32(known.flows)
        mean = (came * np.square(pattern) + before * np.square(known.pattern)) / (came + before)
        return np.asarray(np.sqrt(mean), np.float32)

    def _show(self, pattern: F32) -> None:
        size = self._resized.shape[::-1]
        self._resized = np.asarray(cv2.resize(pattern, size, interpolation=cv2.INTER_LINEAR), np.float32)
