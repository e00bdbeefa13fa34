"""Lips move as the coefficients say and never pass through each other."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.geometry import MouthGeometry
from tests.engines.face import tiny_avatar as tiny

FACE = tiny.avatar().face


@pytest.fixture
def geometry() -> MouthGeometry:
    return MouthGeometry(FACE)


def test_no_motion_is_the_mesh_at_rest(geometry: MouthGeometry) -> None:
    shape = geometry.pose(tiny.motion().coefficients)
    np.testing.assert_array_equal(shape.vertices, FACE.mesh)
    np.testing.assert_array_equal(shape.texture, FACE.mesh)
    assert not shape.gaps.any()


def test_vertices_move_along_the_basis(geometry: MouthGeometry) -> None:
    shape = geometry.pose(tiny.motion(jawOpen=0.5, mouthPucker=0.25).coefficients)
    moved = FACE.mesh + 0.5 * FACE.basis[0] + 0.25 * FACE.basis[3]
    np.testing.assert_allclose(shape.vertices, moved, atol=1e-6)


def test_the_gap_grows_with_the_jaw(geometry: MouthGeometry) -> None:
    gaps = [geometry.pose(tiny.motion(jawOpen=value).coefficients).gaps.max() for value in (0, 0.2, 0.5, 1)]
    np.testing.assert_allclose(gaps, np.array([0, 0.2, 0.5, 1]) * tiny.JAW_DROP, atol=1e-6)


@pytest.mark.parametrize("jaw", [0.1, 0.4, 1.0])
def test_lips_that_would_cross_meet(geometry: MouthGeometry, jaw: float) -> None:
    shape = geometry.pose(tiny.motion(jawOpen=jaw, mouthClose=jaw).coefficients)
    assert not shape.gaps.any()
    np.testing.assert_array_equal(shape.vertices[FACE.inner_upper], shape.vertices[FACE.inner_lower])
    np.testing.assert_array_equal(shape.upper, shape.lower)


def test_the_smooth_contours_pass_through_the_vertices(geometry: MouthGeometry) -> None:
    shape = geometry.pose(tiny.motion(jawOpen=0.7).coefficients)
    np.testing.assert_allclose(shape.upper[::4], shape.vertices[FACE.inner_upper], atol=1e-6)
    np.testing.assert_allclose(shape.lower[::4], shape.vertices[FACE.inner_lower], atol=1e-6)


def test_the_smooth_contours_do_not_cross(geometry: MouthGeometry) -> None:
    for value in np.linspace(0, 1, 11):
        shape = geometry.pose(tiny.motion(jawOpen=0.3, mouthClose=float(value)).coefficients)
        assert (shape.lower[:, 1] >= shape.upper[:, 1]).all()


def test_open_lips_leave_the_dark_line_behind(geometry: MouthGeometry) -> None:
    texture = geometry.pose(tiny.motion(jawOpen=1).coefficients).texture
    middle = len(FACE.inner_upper) // 2
    assert texture[FACE.inner_upper[middle], 1] < FACE.mesh[FACE.inner_upper[middle], 1]
    assert texture[FACE.inner_lower[middle], 1] > FACE.mesh[FACE.inner_lower[middle], 1]
    others = np.setdiff1d(np.arange(len(FACE.mesh)), np.concatenate([FACE.inner_upper, FACE.inner_lower]))
    np.testing.assert_array_equal(texture[others], FACE.mesh[others])


def test_a_call_leaves_the_avatar_as_it_was(geometry: MouthGeometry) -> None:
    before = FACE.mesh.copy()
    geometry.pose(tiny.motion(jawOpen=1, mouthClose=1).coefficients)
    np.testing.assert_array_equal(FACE.mesh, before)
