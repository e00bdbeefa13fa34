"""What is done to traced radiance: values that are known, light that is kept, order that is kept."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.image_filters import (
    EXPOSURE,
    Light,
    below_skin,
    close_gaps,
    compose_frame,
    despeckle,
    fix_nonfinite,
    srgb,
    tone,
)

WIDE = np.array([4.0, 2.0, 1.0])  # pixels that red, green and blue travel under the skin


def grey(value: float, size: int = 24) -> NDArray[np.float32]:
    return np.full((size, size, 3), value, np.float32)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_pixel_that_is_not_finite_gets_the_mean_of_its_neighbours(bad: float) -> None:
    image = grey(0.4)
    image[10, 10, 1] = bad
    fixed = fix_nonfinite(image)
    np.testing.assert_allclose(fixed, 0.4, rtol=1e-6)


def test_finite_pixels_stay_as_they_are_and_one_channel_will_do() -> None:
    image = np.random.default_rng(0).random((12, 12, 1)).astype(np.float32)
    np.testing.assert_array_equal(fix_nonfinite(image), image)
    image[3, 3] = np.nan
    fixed = fix_nonfinite(image)
    assert fixed.shape == image.shape
    assert np.isfinite(fixed).all()
    np.testing.assert_array_equal(fixed[5:], image[5:])


def test_single_bright_pixels_go_and_edges_stay() -> None:
    image = grey(0.1)
    image[:, 12:] = 0.9
    image[5, 5] = 8.0
    clean = despeckle(image)
    assert clean[5, 5].max() == pytest.approx(2 * 0.1 + 0.06, rel=1e-5)
    image[5, 5] = 0.1
    np.testing.assert_array_equal(despeckle(image), image)


def test_a_speckle_keeps_its_hue() -> None:
    image = grey(0.1)
    image[5, 5] = (8.0, 4.0, 2.0)
    red, green, blue = despeckle(image)[5, 5]
    assert (red / green, green / blue) == pytest.approx((2.0, 2.0), rel=1e-4)


def test_gaps_a_pixel_wide_inside_are_closed_and_those_at_the_outline_stay() -> None:
    alpha = np.zeros((40, 40), np.float32)
    alpha[:, :20] = 1
    alpha[20, 8] = 0  # a hole
    alpha[20, 22] = 1  # a hair beyond the outline
    closed = close_gaps(alpha)
    assert closed.shape == (40, 40, 1)
    assert closed[20, 8, 0] > 0.95
    assert closed[20, 21, 0] < 0.05


def test_evenly_lit_skin_does_not_change() -> None:
    albedo, mask = grey(0.5), np.ones((24, 24, 1), np.float32)
    matt = 0.7 * albedo
    np.testing.assert_allclose(below_skin(matt, albedo, mask, WIDE), matt, rtol=1e-4)


def test_light_spreads_below_the_skin_farthest_in_red_and_freckles_stay_sharp() -> None:
    albedo, mask = grey(0.5, 48), np.ones((48, 48, 1), np.float32)
    albedo[10, 10] = 0.1
    light = grey(0.2, 48)
    light[:, 24:] = 1.0
    spread = below_skin(light * albedo, albedo, mask, WIDE) / albedo
    shade = spread[24, 20]
    assert shade[0] > shade[1] > shade[2] > 0.2
    assert spread[10, 10, 2] == pytest.approx(spread[10, 9, 2], rel=0.02)  # of the light, not of the colour


def test_light_does_not_leave_the_skin() -> None:
    albedo, mask = grey(0.5, 48), np.zeros((48, 48, 1), np.float32)
    mask[:, :24] = 1
    matt = grey(0.1, 48)
    matt[:, :24] = 0.5
    spread = below_skin(matt, albedo, mask, WIDE)
    np.testing.assert_array_equal(spread[:, 24:], matt[:, 24:])
    np.testing.assert_allclose(spread[:, :24], matt[:, :24], rtol=1e-3)  # nor is it thinned by what is beside it


def test_the_tone_curve_is_straight_below_its_knee_and_rises_to_one() -> None:
    radiance = np.linspace(0, 6, 601)
    shown = tone(radiance)
    np.testing.assert_allclose(shown[:61], radiance[:61], atol=1e-12)
    assert (np.diff(shown) > 0).all()
    assert 0.99 < shown[300] < shown[-1] < 1.0


@pytest.mark.parametrize(("linear", "expected"), [(0.0, 0.0), (0.0031308, 0.04045), (0.2140411, 0.5), (1.0, 1.0)])
def test_srgb_is_the_standard_s_curve(linear: float, expected: float) -> None:
    assert float(srgb(np.array(linear))) == pytest.approx(expected, abs=1e-4)


def test_a_frame_shows_the_figure_where_it_is_and_the_room_elsewhere() -> None:
    alpha = np.zeros((24, 24, 1), np.float32)
    alpha[:, :12] = 1
    light = Light(grey(0.2) * alpha, alpha)
    frame = compose_frame(light, grey(0.05))
    middle = 1 - 0.45 * ((np.array([6.5, 18.5]) / 24 - 0.5) ** 2 + (0.5 / 24) ** 2)
    expected = 255 * srgb(tone(EXPOSURE * np.array([0.2, 0.05]) * middle))
    assert frame.dtype == np.uint8
    np.testing.assert_allclose(frame[12, [6, 18], 0], expected, atol=1)


def test_exposure_lights_the_figure_and_not_the_room() -> None:
    alpha = np.zeros((24, 24, 1), np.float32)
    alpha[:, :12] = 1
    light = Light(grey(0.2) * alpha, alpha)
    usual, brighter = (compose_frame(light, grey(0.05), exposure) for exposure in (1.0, 1.5))
    assert brighter[12, 6, 0] > usual[12, 6, 0] + 20
    np.testing.assert_array_equal(brighter[:, 12:], usual[:, 12:])
