"""The calm part of a clip."""

from __future__ import annotations

import numpy as np
import pytest

from engines.face.enrolment.clip_loop import aligned, calmest, check_length, followed, smoothed, there_and_back
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
    with pytest.raises(PortraitError, match=r"^the clip shows a second face from 0:00 on"):
        calmest([[CLOSED, shifted(200)]] * 60, RATE)


ALONE, BOTH = [CLOSED], [CLOSED, shifted(200)]


def test_somebody_who_passes_by_late_is_reported_and_left_out() -> None:
    calm = calmest([ALONE] * 40 + [BOTH] * 40, RATE)
    assert calm.first + calm.count <= 40
    assert calm.notes == ("the clip shows a second face from 0:03 on; that part was left out",)


def test_somebody_who_passes_by_and_leaves_is_reported_with_both_times() -> None:
    calm = calmest([ALONE] * 13 + [BOTH] * 25 + [ALONE] * 60, RATE)
    assert calm.first >= 38
    assert calm.notes == ("the clip shows a second face from 0:01 to 0:03; that part was left out",)


def test_where_too_little_is_left_beside_a_second_face_that_is_the_reason() -> None:
    with pytest.raises(PortraitError, match=r"^the clip shows a second face from 0:01 on; cut it there, or record"):
        calmest([ALONE] * 20 + [BOTH] * 60, RATE)


def test_a_face_that_the_landmarker_made_up_for_a_moment_is_no_second_one() -> None:
    assert calmest([*[ALONE] * 60, BOTH, *[ALONE] * 3], RATE).notes == ()


def test_gaps_of_a_recording_are_no_rest() -> None:
    moving = [[shifted(2 * np.sin(index / 3))] for index in range(70)]
    held = np.zeros(130, bool)
    held[70:] = True
    assert calmest([*moving, *[ALONE] * 60], RATE).first >= 70
    assert calmest([*moving, *[ALONE] * 60], RATE, held).first < 20


def test_a_short_clip_is_called_too_short_and_nothing_else() -> None:
    with pytest.raises(PortraitError, match=r"^the clip is too short: it lasts 1\.5 s, at least 2 s are needed"):
        check_length(1.5)
    check_length(2.0)


def test_the_same_face_is_followed_beside_a_larger_one() -> None:
    passer_by = face(scale=140).moved(np.array([[1.0, 0, 150], [0, 1, 0]]))
    faces = followed([[CLOSED]] * 20 + [[passer_by, CLOSED]] * 20, CLOSED, np.arange(40) / RATE)
    assert max(np.abs(of.points - CLOSED.points).max() for of in faces) < 1e-6


def test_a_face_missed_for_a_moment_is_taken_from_beside_and_for_long_is_refused() -> None:
    found: list[list[FaceLandmarks]] = [[CLOSED]] * 20 + [[]] + [[CLOSED]] * 20
    assert len(followed(found, CLOSED, np.arange(41) / RATE)) == 41
    with pytest.raises(PortraitError, match="not seen all the time"):
        followed([[CLOSED]] * 20 + [[]] * 20, CLOSED, np.arange(40) / RATE)


def test_frames_that_repeat_have_one_face() -> None:
    found = [[shifted(3.0 * (index // 2))] for index in range(40)]
    faces = followed(found, CLOSED, np.repeat(np.arange(20), 2) / RATE)
    assert all((a.points == b.points).all() for a, b in zip(faces[::2], faces[1::2], strict=True))


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
