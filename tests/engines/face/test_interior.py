"""The inside of the mouth shows through the opening and nowhere else."""

from __future__ import annotations

import gc
from concurrent.futures import ThreadPoolExecutor
from weakref import ref

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.face.geometry import MouthGeometry
from engines.face.interior import MouthInterior, MouthInteriorTextures
from tests.engines.face import tiny_avatar as tiny

SIZE = 100
SKIN = 255
TO_OUTPUT = np.array([[SIZE, 0, -0.5], [0, SIZE, -0.5]])
EMPTY = np.zeros((32, 32, 4), np.uint8)


def paint(jaw: float, to_output: NDArray[np.float64] = TO_OUTPUT, **options: NDArray[np.uint8]) -> NDArray[np.uint8]:
    face = tiny.avatar(**options).face
    coefficients = tiny.motion(jawOpen=jaw).coefficients
    picture = np.full((SIZE, SIZE, 3), SKIN, np.uint8)
    MouthInterior(face, SIZE).draw(picture, MouthGeometry(face).pose(coefficients), coefficients, to_output)
    return picture


def test_a_closed_mouth_shows_nothing() -> None:
    assert (paint(0) == SKIN).all()


def test_only_the_opening_is_painted() -> None:
    painted = np.argwhere((paint(0.8) != SKIN).any(axis=2))
    assert (painted.min(axis=0) >= (44, 24)).all()
    assert (painted.max(axis=0) <= (45 + 0.8 * tiny.JAW_DROP * SIZE + 1, 75)).all()


def test_an_empty_mouth_is_the_cavity() -> None:
    middle = paint(1, interior_upper=EMPTY, interior_lower=EMPTY)[60, 50]
    np.testing.assert_array_equal(middle, tiny.tensors()["cavity"])


def test_the_lips_shade_the_teeth_behind_them() -> None:
    white = np.full((32, 32, 4), 255, np.uint8)
    column = paint(1, interior_upper=white)[:, 50, 2].astype(int)
    assert column[46] < column[60]
    assert paint(0.1, interior_upper=white)[46, 50, 2] < column[60]  # a narrow opening lets little light in


def test_the_area_of_the_opening_is_exact() -> None:
    black = np.zeros(3, np.uint8)
    picture = paint(1, interior_upper=EMPTY, interior_lower=EMPTY, cavity=black)
    covered = (1 - picture[:, :, 0].astype(float) / SKIN).sum()
    shape = MouthGeometry(tiny.avatar().face).pose(tiny.motion(jawOpen=1).coefficients)
    exact = np.trapezoid((shape.lower - shape.upper)[:, 1], shape.upper[:, 0]) * SIZE**2
    assert covered == pytest.approx(exact, rel=0.03)


def test_lower_teeth_go_down_with_the_jaw() -> None:
    def top(jaw: float) -> int:
        column = paint(jaw, interior_upper=EMPTY)[:, 50]
        return int(np.flatnonzero((column.min(axis=1) > 90) & (column.max(axis=1) < 250))[0])

    assert top(1) - top(0.7) == pytest.approx(0.3 * 0.8 * tiny.JAW_DROP * SIZE, abs=2)


def test_upper_teeth_hide_the_lower_ones() -> None:
    red = np.zeros((32, 32, 4), np.uint8)
    red[:, :, [0, 3]] = 255
    green = np.roll(red, 1, axis=2)
    green[:, :, 3] = 255
    green[:, :, 0] = 0
    middle = paint(1, interior_upper=red, interior_lower=green)[60, 50]
    assert middle[0] > 100
    assert middle[1] == 0


def test_jaws_are_made_once_for_a_presenter_and_a_size_and_cannot_be_written_to() -> None:
    face, textures = tiny.avatar().face, MouthInteriorTextures()
    with ThreadPoolExecutor(4) as threads:
        found = list(threads.map(lambda size: textures.of(face, size), [40, 40, 60, 40]))
    assert found[0] is found[1] is found[3]
    assert [jaw.shape for jaw in found[2]] == [(60, 60, 4)] * 2
    assert not any(jaw.flags.writeable for pair in found for jaw in pair)
    assert textures.of(tiny.avatar().face, 40) is not found[0]


def test_jaws_of_a_presenter_that_nobody_holds_are_forgotten() -> None:
    face, textures = tiny.avatar().face, MouthInteriorTextures()
    upper = ref(textures.of(face, 40)[0])
    del face
    gc.collect()
    assert upper() is None


@pytest.mark.parametrize("shift", [(-500.0, 0.0), (0.0, 500.0), (-60.0, -60.0), (40.0, 40.0)])
def test_an_opening_may_leave_the_picture(shift: tuple[float, float]) -> None:
    away = TO_OUTPUT + np.array([[0, 0, shift[0]], [0, 0, shift[1]]])
    assert paint(1, to_output=away).shape == (SIZE, SIZE, 3)
