"""Tests of short hair, beards, brows and the blazer, on a head that is a ball."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("scipy", reason="surfaces of heads need scipy: pip install -e .[render]")

from scripts.training.heads.appearance import Beard, Blazer, ShortHair
from scripts.training.heads.beard import beard_mask, grow_beard
from scripts.training.heads.blazer import build_blazer
from scripts.training.heads.brows import brow_line
from scripts.training.heads.presenter import seam
from scripts.training.heads.short_hair import grow_short_hair
from scripts.training.heads.skull import SKULL_CENTRE
from tests.scripts.training.heads.shapes import ball

RADIUS = 9.0
HAIR = ShortHair(colour=(1, 1, 1), root=(0, 0, 0), strands=600, top=1.2, sides=0.2, hairline=((-9.0, 3.0), (9.0, 3.0)))


def landmarks() -> NDArray[np.float64]:
    """(68, 3): lips 4 wide and 2 high round (0, -3, 10.5) and a nose's base above; the others are not looked at."""
    marks = np.zeros((68, 3))
    turn = np.pi - np.arange(12) * np.pi / 6
    marks[48:60] = np.stack([2 * np.cos(turn), -3.05 + np.sin(turn), np.full(12, 10.5)], axis=1)
    marks[33] = (0, -1.1, 11.0)
    return marks


def test_short_hair_stands_off_the_skull_and_is_longest_above() -> None:
    points = ball()
    hair = grow_short_hair(points, (points[:, 1] > 3.0).astype(float), HAIR, seed=1)
    height = np.linalg.norm(hair.points - SKULL_CENTRE, axis=2) - RADIUS
    above, beside = hair.points[:, 0, 1] > 11.0, hair.points[:, 0, 1] < 4.0
    assert hair.points.shape[0] == HAIR.strands
    assert height[above, -1].mean() > 2 * height[beside, -1].mean() > 0


def test_a_beard_grows_on_jaw_chin_and_upper_lip_and_nowhere_else() -> None:
    places = {
        "chin": ((0.0, -5.6, 10.0), True),
        "jaw": ((6.0, -4.0, 5.0), True),
        "upper lip": ((1.0, -1.75, 11.0), True),
        "cheek": ((4.5, 0.5, 8.0), False),
        "lip": ((0.0, -3.0, 11.0), False),
        "nose": ((0.0, 0.5, 12.0), False),
        "throat": ((0.0, -11.0, 5.0), False),
    }
    mask = beard_mask(np.array([at for at, _ in places.values()]), landmarks(), seed=1)
    assert {name: bool(value > 0.5) for name, value in zip(places, mask, strict=True)} == {
        name: grows for name, (_, grows) in places.items()
    }


def test_no_hair_of_a_beard_goes_below_the_skin() -> None:
    points = ball()
    normal = (points - SKULL_CENTRE) / RADIUS
    beard = Beard(shade=(1, 1, 1), strands=300, length=0.4)
    bound = grow_beard(points, normal, (points[:, 1] < 0).astype(float), beard, seed=1)
    above = ((bound.strands.points - points[bound.anchors]) * normal[bound.anchors]).sum(axis=2)
    assert above.min() > -0.01
    shift = np.array([1.0, 2.0, 3.0])
    assert np.allclose(bound.moved(points + shift), bound.strands.points + shift)


@pytest.mark.parametrize(("arch", "height"), [(0.0, 0.0), (0.5, 0.5), (1.0, 1.0)])
def test_a_brow_keeps_as_much_of_its_bow_as_asked(arch: float, height: float) -> None:
    marks = np.array([(0, 6, 9), (1, 6.5, 9), (2, 7, 9), (3, 6.5, 9), (4, 6, 9)], float)
    assert brow_line(marks, arch)(0.5)[1] == pytest.approx(6 + height)


def test_the_halves_of_a_blazer_mirror_and_its_lapels_lie_over_it() -> None:
    wearables = build_blazer(Blazer(colour=(0.1, 0.1, 0.1), shirt=(0.6, 0.6, 0.6), neckline=-14.0), seed=1)
    for name in ("shirt", "coat", "lapel", "coat_collar", "leaf"):
        assert np.allclose(
            wearables[f"{name}_left"].vertices, wearables[f"{name}_right"].vertices * (-1, 1, 1), atol=0.5
        )
    coat, lapel = wearables["coat_left"].vertices, wearables["lapel_left"].vertices
    inside = lapel[(lapel[:, 0] > 5.5) & (lapel[:, 0] < 7.5) & (lapel[:, 1] < -19) & (lapel[:, 1] > -22)]
    below = coat[np.linalg.norm(coat[None, :, :2] - inside[::50, None, :2], axis=2).argmin(axis=1), 2]
    assert (inside[::50, 2] > below + 0.2).mean() > 0.9


def test_the_seam_is_told_apart_from_other_steps() -> None:
    loop = np.zeros((4, 2, 2, 3), np.uint8)
    loop[:, ...] = np.array([0, 1, 3, 9], np.uint8)[:, None, None, None]
    assert seam(loop) == (9.0, 2.0, 6.0)
