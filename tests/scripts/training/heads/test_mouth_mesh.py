"""The mouth mesh: rings that fade, lips that seal, a mask that ends before the border. Needs no face model."""

from __future__ import annotations

import numpy as np
import pytest

from engines.motion import COEFFICIENTS
from scripts.training.heads.mouth_mesh import FADE_STEPS, LIP_STEPS, SPOKES, Crop, composite_mask
from scripts.training.heads.mouth_mesh import _fade_to_border as fade_to_border
from scripts.training.heads.mouth_mesh import _front_edges as front_edges
from scripts.training.heads.mouth_mesh import _sealed as sealed
from scripts.training.heads.mouth_mesh import _slit as slit
from scripts.training.heads.mouth_mesh import _triangles as triangles
from scripts.training.heads.mouth_surface import closed_ring, mirrored

AROUND = 2 * SPOKES
JAW, CLOSE = COEFFICIENTS.index("jawOpen"), COEFFICIENTS.index("mouthClose")


def circle(radius: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    angle = np.linspace(np.pi, -np.pi, AROUND + 1)[:-1]
    return np.stack([0.5 + radius * np.cos(angle), 0.5 - radius * np.sin(angle)], axis=1)


def test_a_crop_places_its_corners() -> None:
    crop = Crop(10, 20, 50)
    np.testing.assert_allclose(crop.from_pixels(np.array([[10, 20], [60, 70.0]])), [[0, 0], [1, 1]])


def test_arcs_share_their_corners_and_nothing_else() -> None:
    upper, lower = slit(0)
    assert (upper[0], upper[-1]) == (lower[0], lower[-1])
    assert len(set(upper) | set(lower)) == AROUND


def test_no_triangle_spans_the_opening() -> None:
    cells = triangles(3)
    inner = cells < AROUND
    assert not inner.all(axis=1).any()
    assert set(cells.ravel()) == set(range(3 * AROUND))


def test_triangles_of_concentric_rings_all_turn_the_same_way() -> None:
    points = np.concatenate([circle(0.1), circle(0.2), circle(0.3)])[triangles(3)]
    first, second = points[:, 1] - points[:, 0], points[:, 2] - points[:, 0]
    area = first[:, 0] * second[:, 1] - first[:, 1] * second[:, 0]
    assert (np.sign(area) == np.sign(area[0])).all()


def test_displacements_fade_to_nothing_at_the_border() -> None:
    rings = np.concatenate([circle(0.1), circle(0.2)])
    basis = np.full((len(COEFFICIENTS), len(rings), 2), 0.1)
    flat, faded = fade_to_border(rings, basis, 2)
    assert flat.shape == ((2 + len(FADE_STEPS)) * AROUND, 2)
    assert not faded[:, -AROUND:].any()
    strengths = faded[0, AROUND::AROUND, 0]
    assert (np.diff(strengths) < 0).all()
    np.testing.assert_allclose(np.abs(flat[-AROUND:] - 0.5).max(), 0.49, atol=1e-3)


def test_mouth_close_undoes_the_gap_of_the_jaw() -> None:
    basis = np.random.default_rng(1).normal(0, 0.1, (len(COEFFICIENTS), (1 + len(LIP_STEPS)) * AROUND, 2))
    fixed = sealed(basis)
    upper, lower = slit(0)
    both = fixed[JAW] + fixed[CLOSE]
    np.testing.assert_allclose(both[upper], both[lower], atol=1e-12)


def test_sealing_leaves_other_shapes_and_the_lips_border() -> None:
    basis = np.random.default_rng(2).normal(0, 0.1, (len(COEFFICIENTS), (1 + len(LIP_STEPS)) * AROUND, 2))
    fixed = sealed(basis)
    others = [place for place in range(len(COEFFICIENTS)) if place != CLOSE]
    np.testing.assert_array_equal(fixed[others], basis[others])
    np.testing.assert_array_equal(fixed[CLOSE, -AROUND:], basis[CLOSE, -AROUND:])


@pytest.mark.parametrize("size", [64, 256])
def test_the_mask_is_whole_inside_and_nothing_at_the_border(size: int) -> None:
    mask = composite_mask(size)
    assert mask.shape == (size, size)
    assert mask[size // 2, size // 2] == 255
    assert (mask == 255).mean() > 0.6
    assert not mask[[0, -1]].any()
    assert not mask[:, [0, -1]].any()


def test_rings_are_closed_and_symmetric() -> None:
    half = np.array([[-4.0, -4.0], [-2.0, -1.0], [0.0, 0.0]])
    ring = closed_ring(mirrored(half), mirrored(half * (1, -1) + (0, -8)), np.linspace(0, 1, SPOKES + 1))
    assert ring.shape == (AROUND, 2)
    np.testing.assert_allclose(ring[SPOKES], ring[0] * (-1, 1))
    np.testing.assert_allclose(ring[1:SPOKES], ring[SPOKES - 1 : 0 : -1] * (-1, 1), atol=1e-12)


def test_the_front_teeth_are_found_where_molars_are_higher() -> None:
    depth = np.linspace(0, 4, 41)
    teeth = np.stack([np.zeros(41), -0.5 * depth, depth], axis=1)  # the further in front, the lower
    edges = front_edges(teeth)
    assert edges.any()
    assert (teeth[edges, 2] > 3).all()
    np.testing.assert_array_equal(np.flatnonzero(edges), [31, 32])
