"""Light on a single pixel, where its value is known."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("numba", reason="numba computes the light: install the train extra")

from scripts.training.mouth_data.radiance import Lamps, Surface, shine_on

Floats = NDArray[np.float32]
Vector = tuple[float, float, float]
DARK = np.zeros(3, np.float32)
AHEAD: Vector = (0.0, 0.0, 1.0)
ROUGH, GLOSSY = 0.9, 0.25


USUAL = {
    "light": 1.0,
    "room": 0.0,
    "roughness": ROUGH,
    "gloss": 0.0,
    "crease": 0.0,
    "share": 1.0,
    "wrap": 0.0,
    "slope": 0.0,
}


def lit(normal: Vector = AHEAD, key: Vector = AHEAD, **changes: float) -> Floats:
    """Radiance (3,) of one pixel of albedo (0.5, 0.4, 0.3) below one lamp and an even room."""

    given = USUAL | changes

    def plane(*values: float) -> Floats:
        return np.array(values, np.float32).reshape(1, 1, -1)

    def one(value: float) -> Floats:
        return np.full((1, 1), value, np.float32)

    surface = Surface(
        np.ones((1, 1), np.uint8), plane(0.5, 0.4, 0.3), plane(*normal), plane(given["slope"], 0.0),
        one(given["roughness"]), one(given["gloss"]), one(given["crease"]), one(given["share"]),
    )  # fmt: skip
    towards = np.stack([np.array(key), (0, 0, 1), (0, 0, 1)]).astype(np.float32)
    colour = np.stack([np.full(3, given["light"]), DARK, DARK]).astype(np.float32)
    half = towards + np.array([0, 0, 1], np.float32)
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    around = np.full(3, given["room"], np.float32)
    lamps = Lamps(towards, colour, half.astype(np.float32), np.full(3, given["wrap"], np.float32), around, around)
    radiance = np.zeros((1, 1, 3), np.float32)
    shine_on(surface, lamps, radiance)
    return np.asarray(radiance[0, 0])


def test_a_matt_surface_that_faces_the_lamp_shows_its_colour() -> None:
    np.testing.assert_allclose(lit(), (0.5, 0.4, 0.3), rtol=1e-5)


@pytest.mark.parametrize("degrees", [0, 30, 60, 89])
def test_light_falls_with_the_cosine(degrees: float) -> None:
    angle = np.radians(degrees)
    turned = lit(normal=(float(np.sin(angle)), 0.0, float(np.cos(angle))))
    np.testing.assert_allclose(turned, np.cos(angle) * np.array([0.5, 0.4, 0.3]), atol=1e-4)


def test_what_turns_away_is_dark_but_for_light_that_wraps_round() -> None:
    assert lit(normal=(0, 0, -1)).max() == 0.0
    beyond = (float(np.sin(1.7)), 0.0, float(np.cos(1.7)))
    assert lit(normal=beyond).max() == 0.0
    assert lit(normal=beyond, wrap=0.4).min() > 0.0


def test_the_room_lights_every_side_alike_when_it_is_even() -> None:
    up, down = lit(normal=(0, 1, 0), light=0, room=0.6), lit(normal=(0, -1, 0), light=0, room=0.6)
    np.testing.assert_allclose(up, 0.6 * np.array([0.5, 0.4, 0.3]), rtol=1e-5)
    np.testing.assert_allclose(up, down, rtol=1e-5)


def test_shadow_takes_the_key_and_leaves_the_room() -> None:
    np.testing.assert_allclose(lit(room=0.2, share=0.0), 0.2 * np.array([0.5, 0.4, 0.3]), rtol=1e-5)


def test_folds_are_darker_and_lose_red_last() -> None:
    fold = lit(light=0, room=1.0, crease=1.0) / lit(light=0, room=1.0)
    assert 1 > fold[0] > fold[1] > fold[2] > 0


def test_gloss_adds_white_where_the_lamp_is_mirrored() -> None:
    ahead = lit(gloss=1.0, roughness=GLOSSY) - lit(roughness=GLOSSY)
    assert ahead.min() > 0.05
    np.testing.assert_allclose(ahead, ahead[0], rtol=1e-4)  # of the lamp's colour, not the surface's
    aside = lit(normal=(0.5, 0.0, 0.866), gloss=1.0, roughness=GLOSSY) - lit(normal=(0.5, 0.0, 0.866))
    assert aside.max() < 0.01 * ahead.max()


def test_relief_turns_the_normal() -> None:
    key = (0.6, 0.0, 0.8)
    flat, towards, away = (lit(key=key, slope=across) for across in (0.0, -0.3, 0.3))
    assert towards[0] > flat[0] > away[0]


def test_pixels_without_a_surface_stay_as_they_were() -> None:
    empty = Surface(
        np.zeros((1, 1), np.uint8), np.ones((1, 1, 3), np.float32), np.ones((1, 1, 3), np.float32),
        np.zeros((1, 1, 2), np.float32), *(np.ones((1, 1), np.float32) for _ in range(4)),
    )  # fmt: skip
    ones = np.ones((3, 3), np.float32)
    radiance = np.full((1, 1, 3), 7.0, np.float32)
    shine_on(empty, Lamps(ones, ones, ones, DARK, DARK, DARK), radiance)
    assert radiance.min() == radiance.max() == 7.0
