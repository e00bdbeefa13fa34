"""The Structure Controller leads the lips where they move, and only there."""

from __future__ import annotations

import numpy as np
import pytest

from engines.diffusion.structure_controller import HIGHEST, LOWEST, LipGain, refine

DRAW = np.random.default_rng(3)
TOKENS, ANCHOR = DRAW.normal(size=(2, 5, 7, 4)).astype(np.float32)


def gain(*values: float) -> np.ndarray:
    return np.array(values, np.float32)[:, None]


def test_a_gain_of_one_changes_nothing() -> None:
    np.testing.assert_array_equal(refine(TOKENS, ANCHOR, gain(1, 1, 1, 1, 1)), TOKENS)


def test_a_gain_of_nought_is_the_anchor() -> None:
    np.testing.assert_allclose(refine(TOKENS, ANCHOR, gain(0, 0, 0, 0, 0)), ANCHOR, atol=1e-6)


def test_it_is_the_papers_equation() -> None:
    lam = gain(0.7, 0.9, 1.0, 1.2, 1.4)
    expected = (1 - lam[..., None]) * ANCHOR + lam[..., None] * TOKENS
    np.testing.assert_allclose(refine(TOKENS, ANCHOR, lam), expected, atol=1e-6)


def test_each_row_is_led_by_its_own_gain() -> None:
    together = refine(TOKENS, ANCHOR, gain(0.7, 1.1, 1.0, 1.3, 0.8))
    for row, value in enumerate((0.7, 1.1, 1.0, 1.3, 0.8)):
        alone = refine(TOKENS[row : row + 1], ANCHOR[row : row + 1], gain(value))
        np.testing.assert_array_equal(together[row : row + 1], alone)


def test_torch_and_numpy_agree() -> None:
    torch = pytest.importorskip("torch")
    lam = gain(0.7, 0.9, 1.0, 1.2, 1.4)
    other = refine(torch.from_numpy(TOKENS), torch.from_numpy(ANCHOR), torch.from_numpy(lam))
    np.testing.assert_allclose(other.numpy(), refine(TOKENS, ANCHOR, lam), atol=1e-6)


def gains(openings: list[float]) -> list[float]:
    stream = LipGain()
    return [stream.step(opening) for opening in openings]


def test_lips_that_are_held_are_not_led() -> None:
    assert gains([0.1] * 5) == [1.0] * 5
    assert gains([0.0] * 5) == [1.0] * 5


def test_opening_lips_are_led_open_and_closing_ones_shut() -> None:
    assert all(value > 1 for value in gains([0.02, 0.05, 0.09, 0.14])[1:])
    assert all(value < 1 for value in gains([0.14, 0.09, 0.05, 0.02])[1:])


def test_the_gain_stays_within_bounds_however_fast_lips_move() -> None:
    values = gains([0.0, 5.0, 0.0, 5.0, 0.0])
    assert max(values) == HIGHEST
    assert min(values) == LOWEST


def test_reset_forgets() -> None:
    stream = LipGain()
    stream.step(0.2)
    stream.reset()
    assert stream.step(0.05) == 1.0
