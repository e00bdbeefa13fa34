"""The bank's grid covers what lips do, and a blend of it is between what it is blended of."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from engines.diffusion.sd15.bank import AXES, SHAPE, Bank, corners, grid, motion_at, place_of
from engines.speech.mouth import canonical_mouth

DRAW = np.random.default_rng(4)
TOKENS = DRAW.normal(size=(*SHAPE, 5, 3)).astype(np.float32)
PLACES = [tuple(float(DRAW.uniform(axis[0], axis[-1])) for axis in AXES) for _ in range(20)]


@pytest.mark.parametrize("place", [*PLACES, *product(*((axis[0], axis[-1]) for axis in AXES))])
def test_a_motion_lies_where_it_was_made_for(place: tuple[float, float, float]) -> None:
    motion = motion_at(place)
    assert ((motion.coefficients >= 0) & (motion.coefficients <= 1)).all()
    np.testing.assert_allclose(place_of(motion), place, atol=1e-5)


@pytest.mark.parametrize("place", PLACES)
def test_weights_are_shares_and_their_corners_surround_the_place(place: tuple[float, float, float]) -> None:
    found = dict(corners(place))
    assert sum(found.values()) == pytest.approx(1)
    assert min(found.values()) > 0
    mean = sum(weight * np.array([axis[i] for axis, i in zip(AXES, at, strict=True)]) for at, weight in found.items())
    np.testing.assert_allclose(mean, place, atol=1e-6)


def test_on_the_grid_the_tokens_are_the_grid_s_own() -> None:
    bank = Bank(TOKENS)
    for at, motion in grid():
        np.testing.assert_allclose(bank.at(motion), TOKENS[at], atol=1e-4)


def test_the_anchor_is_the_mouth_at_its_smallest_opening() -> None:
    """Not the first frame that there is, as in the published code."""
    bank = Bank(TOKENS)
    smallest = min(grid(), key=lambda each: (each[1].aperture, each[1].coefficients.sum()))
    np.testing.assert_array_equal(bank.anchor, TOKENS[smallest[0]])
    np.testing.assert_array_equal(bank.anchor, bank.at(motion_at((0.0, 0.0, 0.0))))


def test_beyond_the_grid_is_its_edge() -> None:
    wide = motion_at((AXES[0][-1], 0.0, 0.0))
    wider = motion_at((AXES[0][-1] + 0.01, 0.0, 0.0))
    np.testing.assert_allclose(Bank(TOKENS).at(wider), Bank(TOKENS).at(wide), atol=1e-5)


def test_tokens_move_without_a_jump_as_lips_do() -> None:
    bank = Bank(TOKENS)
    path = [bank.at(motion_at((opening, 0.3, 0.2))) for opening in np.linspace(0, 0.3, 301)]
    steps = np.abs(np.diff(path, axis=0)).max(axis=(1, 2))
    assert steps.max() < 0.1
    assert steps.min() > 0


def test_openings_reach_what_the_canonical_head_can_do() -> None:
    mouth = canonical_mouth()
    assert AXES[0][-1] <= float(mouth.change[:, 0].max())
