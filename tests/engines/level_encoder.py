"""A lip encoder whose lips follow loudness, so that a test knows what each frame must show."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from engines.motion import LipMotion
from tests.engines.face import tiny_avatar as tiny


@dataclass
class LevelStream:
    """Opens the jaw as far as the loudest sample of the frame, lookahead frames late."""

    lookahead: int
    heard: list[float] = field(default_factory=list)

    @property
    def invalid_samples(self) -> int:
        return 0

    def step(self, samples: NDArray[np.float32]) -> LipMotion:
        self.heard.append(float(np.abs(samples).max()))
        due = len(self.heard) - 1 - self.lookahead
        level = self.heard[due] if due >= 0 else 0.0
        still = tiny.motion(jawOpen=level)
        return LipMotion(still.coefficients, 0.2 * level, 0.5, still.visemes)

    def reset(self) -> None:
        self.heard.clear()


@dataclass(frozen=True)
class LevelEncoder:
    lookahead_frames: int

    def open(self) -> LevelStream:
        return LevelStream(self.lookahead_frames)
