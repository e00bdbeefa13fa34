"""The calm part of a clip."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.enrolment.clip_loop import aligned, calmest, smoothed, there_and_back
from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.landmarks import FaceLandmarks
from tests.engines.face.enrolment.faces import face, parted

RATE = 12.5
CLOSED, SPEAKING = parted(face(), 1), parted(face(), 20)


def shifted(by: float) -> FaceLandmarks:
    return CLOSED.moved(np.array([[1.0, 0, by], [0, 1.0, 0]]))


def test_speech_is_left_out() -> None:
    calm = calmest([[SPEAKING]] * 40 + [[CLOSED]] * 60 + [[SPEAKING]] * 10, RATE)
    assert calm.first >= 40
    assert calm.first + calm.count <= 100
    assert calm.count == round(4.2 * RATE)


def test_a_short_pause_will_do() -> None:
    calm = calmest([[SPEAKING]] * 20 + [[CLOSED]] * 30 + [[SPEAKING]] * 20, RATE)
    assert (calm.first, calm.count) == (20, 30)


def test_the_calmer_of_two_parts_is_taken() -> None:
    nodding = [[shifted(30 * np.sin(index / 4))] for index in range(60)]
    calm = calmest([*nodding, [SPEAKING], *[[CLOSED]] * 60], RATE)
    assert calm.first >= 61


@pytest.mark.parametrize(
    "faces",
    [[[SPEAKING]] * 100, [[CLOSED], [SPEAKING]] * 50, [[CLOSED]] * 20, [[shifted(8 * i)] for i in range(80)]],
    ids=["speaks", "never rests", "too short", "walks by"],
)
def test_a_restless_clip_is_refused(faces: list[list[FaceLandmarks]]) -> None:
    with pytest.raises(PortraitError, match="no 2 s on end"):
        calmest(faces, RATE)


def test_an_empty_clip_is_refused() -> None:
    with pytest.raises(PortraitError, match="no face was found"):
        calmest([[], []], RATE)


def test_two_people_are_refused() -> None:
    with pytest.raises(PortraitError, match="2 faces"):
        calmest([[CLOSED, shifted(200)]] * 60, RATE)


def test_there_and_back_has_no_seam() -> None:
    order = there_and_back(5)
    assert order == [0, 1, 2, 3, 4, 3, 2, 1]


def test_smoothing_takes_the_tremble_and_leaves_the_movement() -> None:
    rng = np.random.default_rng(0)
    real = [shifted(10 * np.sin(index / 15)) for index in range(80)]
    seen = [FaceLandmarks(of.points + rng.normal(0, 0.5, of.points.shape)) for of in real]
    errors = [np.abs(a.points - b.points).mean() for a, b in zip(smoothed(seen), real, strict=True)]
    assert np.mean(errors) < 0.3 * 0.8  # 0.4 before


def test_the_alignment_follows_the_head() -> None:
    crop = np.array([[150.0, 0, 180], [0, 150.0, 250]])
    turn = np.array([[np.cos(0.1), -np.sin(0.1), 12], [np.sin(0.1), np.cos(0.1), -7]])
    rows = aligned(CLOSED, [CLOSED, CLOSED.moved(turn)], crop)
    np.testing.assert_allclose(rows[0], crop, atol=1e-3)
    np.testing.assert_allclose(rows[1], turn @ np.vstack([crop, [0, 0, 1]]), atol=1e-3)
