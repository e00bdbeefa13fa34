"""The trained encoder: look-aheads in steps of 20 ms from one set of weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engines.speech.lips import motions
from engines.speech.trained import WEIGHTS, load_trained

LOOKAHEADS = range(0, 161, 20)


def noise_after(sample: int, seed: int) -> np.ndarray:
    samples = 0.05 * np.random.default_rng(0).standard_normal(32_000)
    samples[sample:] = 0.3 * np.random.default_rng(seed).standard_normal(32_000 - sample)
    return samples.astype(np.float32)


@pytest.mark.parametrize("lookahead", LOOKAHEADS)
def test_lookahead_is_as_long_as_was_asked(lookahead: int) -> None:
    """A change at 1 s moves no motion whose frame's end and look-ahead lie before it, and moves the next."""
    encoder = load_trained(lookahead)
    one, other = (motions(encoder, noise_after(16_000, seed)) for seed in (1, 2))
    same = [np.array_equal(a.visemes, b.visemes) for a, b in zip(one, other, strict=True)]  # lips rest in noise
    first = same.index(False)
    assert 40 * (first + 1) + lookahead > 1000
    assert 40 * first + lookahead <= 1000


def test_lookaheads_of_half_a_frame_take_the_next_whole_frame() -> None:
    assert [load_trained(ms).lookahead_frames for ms in LOOKAHEADS] == [0, 1, 1, 2, 2, 3, 3, 4, 4]


@pytest.mark.parametrize("lookahead", [-20, 30, 180])
def test_other_lookaheads_are_refused(lookahead: int) -> None:
    with pytest.raises(ValueError, match="look-ahead"):
        load_trained(lookahead)


def test_missing_weights_are_named() -> None:
    with pytest.raises(FileNotFoundError, match=r"nowhere\.onnx"):
        load_trained(80, Path("nowhere.onnx"))


def test_weights_are_small() -> None:
    assert WEIGHTS.stat().st_size < 4_000_000
