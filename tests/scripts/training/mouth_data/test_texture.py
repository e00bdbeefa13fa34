"""Skin as a texture: where the cylinder's pixels lie, and what is painted where."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="the region of a head needs scipy: pip install -e .[train]")

from scripts.training.mouth_data.person import random_person
from scripts.training.mouth_data.region import TEXTURE_HEIGHT, TEXTURE_WIDTH, texture_place
from scripts.training.mouth_data.texture import noise, paint_skin

PLAIN = replace(random_person(np.random.default_rng(1)), stubble=0.0, beard=0.0, freckles=0.0, redness=0.0)
CHIN, FOREHEAD = np.array([(0.0, -7.5, 9.0)]), np.array([(0.0, 4.0, 9.0)])


def mean_at(texture: NDArray[np.float32], point: NDArray[np.float64], reach: int = 8) -> NDArray[np.float64]:
    column, row = texture_place(point)[0].astype(int)
    return np.asarray(texture[row - reach : row + reach, column - reach : column + reach].mean(axis=(0, 1)))


def test_the_middle_of_the_face_is_the_middle_of_the_texture() -> None:
    across, down = texture_place(np.array([(0.0, 5.0, 10.0)]))[0]
    assert across == pytest.approx(TEXTURE_WIDTH / 2)
    assert down == pytest.approx(0.0)
    assert texture_place(np.array([(0.0, -17.5, 10.0)]))[0, 1] == pytest.approx(TEXTURE_HEIGHT)


def test_left_and_right_lie_on_both_sides() -> None:
    left, right = texture_place(np.array([(5.0, 0.0, 6.0), (-5.0, 0.0, 6.0)]))
    assert left[0] - TEXTURE_WIDTH / 2 == pytest.approx(TEXTURE_WIDTH / 2 - right[0])
    assert left[0] > right[0]


def test_bumps_of_noise_are_as_wide_as_asked_and_stretched_down() -> None:
    fine, coarse, tall = (noise(np.random.default_rng(0), 0.3, stretch=s) for s in (1.0, 1.0, 5.0))
    assert fine.shape == (TEXTURE_HEIGHT, TEXTURE_WIDTH)
    np.testing.assert_array_equal(fine, coarse)
    across, down = (float(np.abs(np.diff(tall, axis=axis)).mean()) for axis in (1, 0))
    assert across > 2.5 * down
    wide = noise(np.random.default_rng(0), 1.2)
    assert np.abs(np.diff(wide, axis=1)).mean() < 0.5 * np.abs(np.diff(fine, axis=1)).mean()


def test_the_same_person_is_painted_the_same() -> None:
    np.testing.assert_array_equal(paint_skin(PLAIN).colour, paint_skin(PLAIN).colour)
    other = paint_skin(replace(PLAIN, seed=PLAIN.seed + 1))
    assert not np.array_equal(other.colour, paint_skin(PLAIN).colour)


def test_plain_skin_is_of_the_person_s_colour_in_the_mean() -> None:
    painted = paint_skin(PLAIN)
    assert painted.colour.shape == (TEXTURE_HEIGHT, TEXTURE_WIDTH, 3)
    assert painted.surface.shape == (TEXTURE_HEIGHT, TEXTURE_WIDTH, 4)
    np.testing.assert_allclose(np.median(painted.colour, axis=(0, 1)), PLAIN.skin, rtol=0.08)


def test_a_beard_darkens_the_chin_and_not_the_forehead() -> None:
    bare = paint_skin(PLAIN).colour
    bearded = paint_skin(replace(PLAIN, stubble=1.0, beard=1.0, hair=np.full(3, 0.02))).colour
    assert mean_at(bearded, CHIN).mean() < 0.7 * mean_at(bare, CHIN).mean()
    np.testing.assert_allclose(mean_at(bearded, FOREHEAD), mean_at(bare, FOREHEAD), rtol=0.02)


def test_redness_flushes_the_cheeks_most() -> None:
    bare, red = paint_skin(PLAIN).colour, paint_skin(replace(PLAIN, redness=1.0)).colour
    cheek, brow = np.array([(4.5, 0.2, 7.5)]), np.array([(6.0, 4.5, 6.0)])
    change = [mean_at(red, at)[1] / mean_at(bare, at)[1] for at in (cheek, brow)]
    assert change[0] < 0.9 < change[1]


def test_pores_give_the_skin_its_relief() -> None:
    slopes = [np.abs(paint_skin(replace(PLAIN, pores=pores)).surface[..., :2]).mean() for pores in (0.0, 1.0)]
    assert slopes[0] < 1e-6
    assert slopes[1] > 0.01
