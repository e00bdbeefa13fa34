"""Headscarf, cardigan and glasses as surfaces; what years do to skin. Needs no face model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("scipy", reason="surfaces of heads need scipy: pip install -e .[render]")

from scripts.training.heads.appearance import Cardigan, Glasses, Headscarf
from scripts.training.heads.cardigan import OVER_BLOUSE, build_cardigan
from scripts.training.heads.fields import blob
from scripts.training.heads.glasses import glasses
from scripts.training.heads.headscarf import build_headscarf, covered
from scripts.training.heads.wearables import Wearable
from scripts.training.heads.wrinkles import wrinkles
from tests.scripts.training.heads.shapes import MIDDLE, RADII, egg, landmarks

SCARF = Headscarf((0.5, 0.2, 0.2), (0.4, 0.2, 0.2), (0.03, 0.02, 0.02), folds=1.0, volume=0.9, slant=3.0)
COAT = Cardigan((0.1, 0.2, 0.3), (0.7, 0.7, 0.6), neckline=-12.8)
FRAME = Glasses((0.4, 0.3, 0.2))


@pytest.fixture(scope="module")
def scarf() -> dict[str, Wearable]:
    return build_headscarf(egg(), SCARF, 5)


def whole(piece: Wearable) -> bool:
    """Every triangle has its vertices, every vertex its colour and its share, all finite."""
    count = len(piece.vertices)
    shapes = piece.albedo.shape == (count, 3) and piece.share.shape == (count,)
    return shapes and int(piece.triangles.max()) < count and bool(np.isfinite(piece.vertices).all())


def test_a_hood_hides_the_ears_and_leaves_the_face() -> None:
    ears_and_crown = np.array([(8.5, 2.0, 0.0), (-8.5, 2.0, 0.0), (0.0, 14.0, 1.0)])
    face = np.array([(0.0, 8.5, 9.8), (5.5, 2.0, 7.0), (0.0, -6.0, 9.8), (0.0, -12.0, 4.0)])
    assert covered(ears_and_crown).all()
    assert not covered(face).any()


def test_a_hood_lies_outside_the_crown(scarf: dict[str, Wearable]) -> None:
    hood = scarf["hood"].vertices
    behind = hood[(hood[:, 2] < 3.0) & (hood[:, 1] > 6.0)]  # above where ears are taken away
    assert len(behind) > 10_000
    assert np.linalg.norm((behind - MIDDLE) / RADII, axis=1).min() > 1.0


def test_a_headscarf_follows_the_head_above_and_the_chest_below(scarf: dict[str, Wearable]) -> None:
    assert all(whole(part) for part in scarf.values())
    hood, wrap = scarf["hood"], scarf["wrap"]
    assert hood.share[hood.vertices[:, 1] > 0].min() == 1.0
    assert wrap.share[wrap.vertices[:, 1] < -18].max() == 0.0


def test_deeper_folds_move_more_cloth(scarf: dict[str, Wearable]) -> None:
    flat = build_headscarf(egg(), replace(SCARF, folds=0.0), 5)["wrap"]
    moved = np.linalg.norm(scarf["wrap"].vertices - flat.vertices, axis=1)
    assert 0.1 < moved.mean() < 1.0


def test_the_halves_of_a_cardigan_mirror_and_lie_over_the_blouse() -> None:
    parts = build_cardigan(COAT, 3)
    assert all(whole(part) for part in parts.values())
    left, right = parts["cardigan_left"].vertices, parts["cardigan_right"].vertices
    np.testing.assert_allclose(left * (-1, 1, 1), right)
    assert left[:, 0].min() > 0.0
    chest = left[(np.abs(left[:, 1] + 17) < 0.5) & (np.abs(left[:, 0] - 8) < 0.5)]
    blouse = parts["blouse"].vertices
    below = blouse[(np.abs(blouse[:, 1] + 17) < 0.5) & (np.abs(blouse[:, 0] - 8) < 0.5)]
    assert chest[:, 2].mean() > below[:, 2].mean() + OVER_BLOUSE / 2


def test_glasses_are_symmetric_and_stand_before_the_eyes() -> None:
    frame = glasses(landmarks(), FRAME)["frame"]
    assert whole(frame)
    assert frame.share.min() == 1.0
    low, high = frame.vertices.min(axis=0), frame.vertices.max(axis=0)
    np.testing.assert_allclose(low[0], -high[0], atol=0.01)
    before = frame.vertices[np.abs(frame.vertices[:, 0] - 3.1) < 0.5]
    assert before[:, 2].min() > landmarks()[42:48, 2].max() + 0.15


def test_a_tube_is_as_thick_as_asked() -> None:
    thin, thick = (glasses(landmarks(), Glasses((0.4, 0.3, 0.2), thickness=size))["frame"] for size in (0.05, 0.15))
    assert thick.vertices[:, 2].max() - thin.vertices[:, 2].max() == pytest.approx(0.1, abs=0.03)


def test_the_young_have_no_wrinkles() -> None:
    aged = wrinkles(egg(), landmarks(), 0.0, 3)
    assert not aged.relief.any()
    assert not aged.shade.any()
    assert not aged.spots.any()


def test_age_deepens_the_fold_beside_the_mouth_more_than_the_cheek() -> None:
    points = egg()
    aged = wrinkles(points, landmarks(), 1.0, 3)
    fold = blob(points * (1, 1, 0), np.array([2.75, -2.6, 0.0]), 0.25) * (points[:, 2] > 3)
    cheek = blob(points * (1, 1, 0), np.array([5.0, 1.0, 0.0]), 0.5) * (points[:, 2] > 3)
    assert (aged.shade * fold).sum() / fold.sum() > 0.3
    assert (aged.shade * cheek).sum() / cheek.sum() < 0.05
    assert np.abs(aged.relief).max() < 0.4
