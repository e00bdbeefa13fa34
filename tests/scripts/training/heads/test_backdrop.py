"""The painted room: colours that it is asked for, lamps where they are asked for, nothing sharp."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scripts.training.heads.appearance import Room
from scripts.training.heads.backdrop import paint_room

BARE = Room(near=(0.3, 0.2, 0.1), far=(0.1, 0.1, 0.1), glow=(2.0, 1.0, 0.5), lamps=(), shelf=0.0, plant=0.0)


def test_the_wall_is_near_s_colour_in_its_light_and_far_s_away_from_it() -> None:
    picture = paint_room(BARE, 120, 100, seed=1)
    assert picture.shape == (100, 120, 3)
    np.testing.assert_allclose(picture[30, 36], BARE.near, rtol=0.02)
    lit, away = picture[30, 36], picture[-1, -1]
    assert np.abs(away - BARE.far).max() < 0.5 * np.abs(lit - BARE.far).max()


def test_a_lamp_glows_where_it_stands() -> None:
    room = replace(BARE, lamps=((0.75, 0.25, 0.05, 1.0),))
    added = paint_room(room, 120, 100, 1) - paint_room(BARE, 120, 100, 1)
    row, column = np.unravel_index(added[..., 0].argmax(), added.shape[:2])
    assert (column + 0.5) / 120 == pytest.approx(0.75, abs=0.03)
    assert (row + 0.5) / 100 == pytest.approx(0.25, abs=0.03)
    np.testing.assert_allclose(added[row, column] / added[row, column, 2], (4.0, 2.0, 1.0), rtol=1e-3)


@pytest.mark.parametrize(("part", "x", "y"), [("shelf", 0.82, 0.6), ("plant", 0.06, 0.66)])
def test_shelf_and_plant_darken_their_place_alone(part: str, x: float, y: float) -> None:
    bare = paint_room(BARE, 120, 100, 1)
    dark = paint_room(replace(BARE, **{part: 0.5}), 120, 100, 1)  # type: ignore[arg-type]  # either takes a float
    share = dark / bare
    assert share[int(100 * y), int(120 * x)].max() < 0.9
    assert share[5, 60].min() == pytest.approx(1.0, abs=0.01)


def test_the_same_seed_paints_the_same_room_and_another_moves_the_books() -> None:
    room = replace(BARE, shelf=0.5)
    np.testing.assert_array_equal(paint_room(room, 64, 64, 3), paint_room(room, 64, 64, 3))
    assert np.abs(paint_room(room, 64, 64, 3) - paint_room(room, 64, 64, 4)).max() > 1e-3


def test_nothing_is_sharp() -> None:
    picture = paint_room(replace(BARE, shelf=0.5, plant=0.4, lamps=((0.8, 0.2, 0.06, 0.8),)), 256, 256, 1)
    step = np.abs(np.diff(picture, axis=1)).max()
    assert step < 0.12 * np.ptp(picture)
