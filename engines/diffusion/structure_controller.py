"""The Structure Controller: leads the lips in the direction they are moving. Has no trainable parameter.

Paper: FreeTalkDiff, section "Structure Controller". e' = (1 − λ) e_anchor + λ e = e + (λ − 1)(e − e_anchor), where λ is
the ratio of two successive lip openings and the anchor is the avatar with the smallest one. Opening lips are opened
further, closing lips closed further; held lips stay: it makes good what the network and filters lag behind.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

SMOOTHING = 0.6  # of the newest opening in the running mean: a causal stand-in for the centred five frames
EPSILON = 0.012  # inter-ocular distances, some 1.5 pixels of 128: without it closed lips make the ratio explode
LOWEST, HIGHEST = 0.7, 1.4  # of λ

Values = TypeVar("Values", NDArray[np.float32], "Tensor")


def refine(tokens: Values, anchor: Values, gain: Values) -> Values:
    """Patch tokens (batch, n, d) led by gain λ (batch, 1) away from the anchor's; λ = 1 changes nothing.

    Each row has its own λ and its own anchor, so rows of several frames or sessions do not mix.
    """
    return tokens + (gain - 1)[:, None] * (tokens - anchor)


@dataclass(slots=True)
class LipGain:
    """λ of one stream: what it remembers is the last smoothed opening."""

    _smooth: float | None = field(default=None, init=False)

    def reset(self) -> None:
        self._smooth = None

    def step(self, opening: float) -> float:
        """λ for a frame whose lips are that far open, in inter-ocular distances; 1 for the first frame."""
        before = opening if self._smooth is None else self._smooth
        self._smooth = before + SMOOTHING * (opening - before)
        ratio = (self._smooth + EPSILON) / (before + EPSILON)
        return min(max(ratio, LOWEST), HIGHEST)
