"""The mouth's inside: parts, their colours, and the skin that lines it."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("scipy", reason="heads need scipy: pip install -e .[render]")

from scripts.training.heads.model import GUMS_AND_TONGUE, LOWER_TEETH, MOUTH_SOCKET, UPPER_TEETH, HeadModel
from scripts.training.heads.oral_cavity import (
    OralCavity,
    faces_among,
    lining_share,
    paint_oral_cavity,
)
from scripts.training.heads.surface import Subdivision, subdivide


@pytest.fixture(scope="module")
def cavity(head: HeadModel) -> OralCavity:
    return OralCavity(head)


def test_the_parts_are_teeth_and_flesh_with_a_colour_a_vertex(head: HeadModel, cavity: OralCavity) -> None:
    surfaces = cavity.surfaces(head.neutral)
    assert set(surfaces) == {"upper_teeth", "lower_teeth", "flesh"}
    for name, part in cavity.parts.items():
        assert part.albedo.shape == surfaces[name].shape
        assert part.fine.quads.max() < len(part.albedo)
        assert 0 < part.albedo.min() < part.albedo.max() < 1


def test_the_lower_teeth_follow_the_jaw(head: HeadModel, cavity: OralCavity) -> None:
    shut, opened = (cavity.surfaces(cavity.head({"jawOpen": value})) for value in (0.0, 0.8))
    assert (opened["lower_teeth"] - shut["lower_teeth"])[:, 1].max() < -0.3
    np.testing.assert_allclose(opened["upper_teeth"], shut["upper_teeth"], atol=1e-3)


def test_faces_of_chosen_vertices_are_numbered_anew(head: HeadModel) -> None:
    chosen = np.arange(LOWER_TEETH.start, LOWER_TEETH.stop)
    faces = faces_among(head.kit, chosen)
    assert len(faces) > 1000
    assert faces.min() >= -1
    assert faces.max() < len(chosen)
    original = chosen[faces[0]]
    assert any(set(original) == set(face) for face in head.kit.faces)


def test_faces_that_leave_the_chosen_are_left_out(head: HeadModel) -> None:
    face = head.kit.faces[(head.kit.faces >= 0).all(axis=1)][0]
    assert len(faces_among(head.kit, np.sort(face[:3]).astype(np.int64))) == 0


def test_teeth_are_lighter_than_gums_and_the_back_is_darker(head: HeadModel) -> None:
    front = float(head.neutral[UPPER_TEETH, 2].max())
    teeth = np.arange(UPPER_TEETH.start, UPPER_TEETH.stop)
    flesh = np.arange(GUMS_AND_TONGUE.start, GUMS_AND_TONGUE.stop)
    enamel, gum = (paint_oral_cavity(head, head.neutral, chosen, front) for chosen in (teeth, flesh))
    foremost = head.neutral[teeth, 2] > front - 0.4
    assert enamel[foremost].mean() > 2 * gum.mean()
    assert enamel[~foremost].mean() < enamel[foremost].mean()
    assert gum[:, 0].mean() > 2 * gum[:, 1].mean()


def test_a_tongue_that_is_out_is_lit(head: HeadModel) -> None:
    front = float(head.neutral[UPPER_TEETH, 2].max())
    tongue = GUMS_AND_TONGUE.start + np.flatnonzero(np.linalg.norm(head.tongue_out[GUMS_AND_TONGUE], axis=1) > 0.5)
    inside, out = (
        paint_oral_cavity(head, head.vertices({"tongueOut": value}), tongue, front).mean() for value in (0.0, 1.0)
    )
    assert out > inside


def test_the_socket_is_lining_and_the_face_is_not(head: HeadModel) -> None:
    size = MOUTH_SOCKET.stop
    faces = head.kit.faces[(head.kit.faces < size).all(axis=1)]
    fine: Subdivision = subdivide(faces, size, 1)
    share = lining_share(fine, size)
    assert share[MOUTH_SOCKET].mean() > 0.9
    assert share[: MOUTH_SOCKET.start].mean() < 0.05
    assert share.min() >= 0
    assert share.max() <= 1 + 1e-6
