"""The painted skin of a whole figure: colours by place, and what hair grows on."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.fields import blob
from scripts.training.heads.figure import Figure
from scripts.training.heads.model import OUTER_LIP
from scripts.training.heads.people import APPEARANCES
from scripts.training.heads.skin import SkinMaps, paint, scalp_mask

pytestmark = pytest.mark.slow  # of a figure, which takes some seconds, once

EVERY = 5  # so many vertices one is painted
HAIRLINE = ((-9.0, -6.0), (0.0, 5.0), (9.0, 10.0))


def round_about(figure: Figure, values: NDArray[np.float64], at: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of values at the skin's vertices within some millimetres."""
    weight = blob(figure.rest[::EVERY], at, 0.25)
    return np.asarray(np.tensordot(weight / weight.sum(), values, axes=1))


@pytest.fixture(scope="module")
def plain(figure: Figure) -> SkinMaps:
    """Mira's skin: no beard, and young."""
    return paint(figure.model, figure.rest[::EVERY], replace(APPEARANCES["mira"], seed=3))


def test_maps_have_a_value_a_vertex_and_colours_are_reflectances(figure: Figure, plain: SkinMaps) -> None:
    count = len(figure.rest[::EVERY])
    assert plain.albedo.shape == (count, 3)
    for values in (plain.roughness, plain.relief, plain.scalp, plain.beard):
        assert values.shape == (count,)
    assert 0 < plain.albedo.min() < plain.albedo.max() < 1
    assert 0 < plain.roughness.min() <= plain.roughness.max() < 1
    assert np.abs(plain.relief).max() < 0.2  # centimetres


def test_lips_are_redder_and_glossier_than_the_chin(figure: Figure, plain: SkinMaps) -> None:
    marks = figure.model.neutral[figure.model.landmarks68].astype(np.float64)
    lip = marks[OUTER_LIP][8:11].mean(axis=0) + np.array([0, 0.35, 0.2])
    chin = marks[8] + np.array([0, 0.8, 1.0])
    red = [round_about(figure, plain.albedo, at) for at in (lip, chin)]
    assert red[0][0] / red[0][1] > 1.15 * red[1][0] / red[1][1]
    gloss = [float(round_about(figure, plain.roughness, at)) for at in (lip, chin)]
    assert gloss[0] < gloss[1]


def test_the_base_colour_is_the_forehead_s(figure: Figure, plain: SkinMaps) -> None:
    marks = figure.model.neutral[figure.model.landmarks68].astype(np.float64)
    forehead = marks[27] + (0, 3.6, 0.3)
    np.testing.assert_allclose(round_about(figure, plain.albedo, forehead), APPEARANCES["mira"].skin.base, rtol=0.25)


def test_a_beard_darkens_the_chin_of_him_who_has_one(figure: Figure, plain: SkinMaps) -> None:
    chin = figure.model.neutral[figure.model.landmarks68[8]].astype(np.float64) + np.array([0, 0.8, 1.0])
    assert float(round_about(figure, figure.maps.beard[::EVERY], chin)) > 0.5
    assert plain.beard.max() == 0.0


def test_the_same_look_is_painted_the_same(figure: Figure, plain: SkinMaps) -> None:
    some = figure.rest[:: 10 * EVERY]
    again, other = (paint(figure.model, some, replace(APPEARANCES["mira"], seed=seed)).albedo for seed in (3, 4))
    np.testing.assert_allclose(again, plain.albedo[::10], atol=1e-12)
    assert np.abs(other - again).max() > 0.01


def test_hair_grows_above_its_line_and_not_below() -> None:
    points = np.array([(0.0, 12.0, 9.0), (0.0, 8.0, 9.0), (6.0, 7.0, 0.0), (6.0, 3.0, 0.0)])
    assert (scalp_mask(points, HAIRLINE, 1) > 0.5).tolist() == [True, False, True, False]
