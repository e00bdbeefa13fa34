"""Jumpers, long hair and what is named after a style, on a head that is a ball. Needs no face model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="surfaces of heads need scipy: pip install -e .[render]")

from scripts.training.heads.appearance import Identity, Jumper, LongHair
from scripts.training.heads.cloth import grid_normals, grid_triangles
from scripts.training.heads.jumper import ALONG, AROUND, COLLAR_END, body, build_jumper, soft_folds, stitches
from scripts.training.heads.long_hair import ALONG_SKULL, HANGING, backing, grow_long_hair
from scripts.training.heads.skull import SKULL_CENTRE
from scripts.training.heads.styles import dressed, grown, hidden, worn
from scripts.training.heads.wearables import neck_share
from tests.scripts.training.heads.shapes import ball

GREY = (0.3, 0.3, 0.3)
JUMPER = Jumper(colour=(0.1, 0.2, 0.3), neckline=-14.6)
HAIR = LongHair(colour=GREY, root=GREY, parting=1.5, strands=800, length=-14.0, wave=0.4)


def scalp() -> np.ndarray:
    """1 above, 0 below, soft at the hairline."""
    return np.asarray(np.clip((ball()[:, 1] - 2.0) / 3.0, 0, 1))


def test_a_flat_grid_has_one_normal_and_two_triangles_a_cell() -> None:
    x, y = np.meshgrid(np.arange(5.0), np.arange(4.0))
    normal = grid_normals(np.stack([x, y, np.zeros_like(x)], axis=2))
    np.testing.assert_allclose(np.abs(normal[..., 2]), 1.0)
    triangles = grid_triangles(4, 5)
    assert len(triangles) == 2 * 3 * 4
    assert set(triangles.ravel()) == set(range(20))


def test_a_jumper_lies_round_the_neck_and_reaches_the_arms() -> None:
    at, angle = np.meshgrid(np.array([COLLAR_END, 1.0]), np.array([0.0, 0.5 * np.pi]), indexing="ij")
    points = body(at, angle, JUMPER.neckline)
    front, side = points[1]
    assert front[0] == pytest.approx(0.0, abs=1e-9)
    assert side[0] > 15 > points[0, 1, 0] > 5
    assert front[1] < points[0, 0, 1] < JUMPER.neckline + 1


def test_a_lower_neckline_lowers_the_whole_jumper() -> None:
    high, low = (build_jumper(replace(JUMPER, neckline=y), 1).vertices for y in (-14.0, -15.0))
    assert (low - high)[:, 1].mean() == pytest.approx(-1.0, abs=0.02)


def test_knitting_is_of_the_colour_asked_and_carried_by_the_chest() -> None:
    jumper = build_jumper(JUMPER, 1)
    assert jumper.vertices.shape == (AROUND * ALONG, 3)
    np.testing.assert_allclose(jumper.albedo.mean(axis=0), JUMPER.colour, rtol=0.1)
    assert not jumper.share.any()
    assert jumper.material == "wool"


def test_stitches_and_folds_are_shallow_and_vary() -> None:
    x, y = np.meshgrid(np.linspace(0, 5, 60), np.linspace(0, 5, 60))
    points = np.stack([x, y, np.zeros_like(x)], axis=2)
    for relief, most in ((stitches(points), 0.06), (soft_folds(points, 1), 0.25)):
        assert relief.shape == (60, 60)
        assert np.abs(relief).max() < most
        assert relief.std() > 0.005


def test_long_hair_starts_on_the_scalp_and_hangs_as_low_as_asked() -> None:
    hair = grow_long_hair(ball(), scalp(), HAIR, seed=1)
    assert hair.points.shape[1:] == (ALONG_SKULL + HANGING, 3)
    styled = hair.points[: HAIR.strands]
    roots = np.linalg.norm(styled[:, 0] - SKULL_CENTRE, axis=1)
    assert np.abs(roots - 9.0).max() < 0.6
    assert np.median(styled[:, -1, 1]) == pytest.approx(HAIR.length, abs=2.0)
    assert np.isfinite(hair.points).all()


def test_a_bob_is_shorter_than_long_hair() -> None:
    long, bob = (
        grow_long_hair(ball(), scalp(), replace(HAIR, length=length), seed=1).points[: HAIR.strands, -1, 1].mean()
        for length in (-18.0, -7.0)
    )
    assert bob > long + 5


def test_hair_falls_to_both_sides_of_the_parting() -> None:
    styled = grow_long_hair(ball(), scalp(), HAIR, seed=1).points[: HAIR.strands]
    side = np.sign(styled[:, -1, 0])
    assert 0.25 < (side > 0).mean() < 0.75


def test_the_face_stays_free_of_hair() -> None:
    points = grow_long_hair(ball(), scalp(), HAIR, seed=1).points[: HAIR.strands]
    mouth = (np.abs(points[..., 0]) < 4.0) & (points[..., 1] < 0.0) & (points[..., 1] > -8.0) & (points[..., 2] > 4.0)
    assert mouth.mean() < 1e-3


def test_the_same_seed_grows_the_same_hair() -> None:
    one, again, other = (grow_long_hair(ball(), scalp(), HAIR, seed=seed).points for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_a_dark_sheet_hangs_behind_long_hair() -> None:
    sheet = backing(HAIR)
    assert sheet.vertices[:, 1].min() == HAIR.length - 3.0
    assert sheet.vertices[:, 2].max() < -5
    assert sheet.albedo.max() < max(HAIR.root)
    assert backing(replace(HAIR, tuck=1.0)).vertices[:, 1].min() > sheet.vertices[:, 1].min()


def test_a_style_is_made_by_its_module() -> None:
    strands, surfaces = grown(HAIR, ball(), scalp(), 1)
    assert strands is not None
    assert set(surfaces) == {"backing"}
    assert not hidden(HAIR, ball()).any()
    assert set(dressed(JUMPER, 1)) == {"jumper"}
    assert worn(None, np.zeros((68, 3))) == {}


def test_what_is_high_goes_with_the_head_and_what_is_low_with_the_chest() -> None:
    share = neck_share(np.array([(0.0, 5.0, 8.0), (0.0, -6.0, 8.0), (0.0, -10.0, 4.0), (0.0, -18.0, 2.0)]))
    assert share[0] == 1.0
    assert share[1] > 0.9
    assert 0 < share[2] < 1
    assert share[3] == 0.0


def test_identities_are_means_of_their_seeds_with_traits_added() -> None:
    plain = Identity(seeds=(3, 5), blend=0.5)
    one, other = (Identity(seeds=(seed,), blend=0.5).coefficients() for seed in (3, 5))
    np.testing.assert_allclose(plain.coefficients(), one + other, rtol=1e-5)
    aged = replace(plain, traits=((2, 1.5), (0, -1.0))).coefficients() - plain.coefficients()
    assert aged[2] == pytest.approx(1.5, abs=1e-5)
    assert aged[0] == pytest.approx(-1.0, abs=1e-5)
    assert np.abs(aged[3:]).max() == 0.0
