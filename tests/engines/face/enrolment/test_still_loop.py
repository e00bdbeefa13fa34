"""A single picture's loop: smooth, without a seam, and the mouth's place known in every frame."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.face.enrolment.framing import SIZE, Framing
from engines.face.enrolment.retouch import close_eyes
from engines.face.enrolment.still_loop import BLINK, BLINKS, FRAMES, Body, StillLoop, Sway
from tests.engines.face.enrolment.faces import drawn, face

FACE = face()
MOMENTS = np.arange(FRAMES) / FRAMES
EYES = slice(190, 240)


def test_the_movement_has_no_seam() -> None:
    sway = Sway(Body.of(FACE), FACE.points)
    ways = np.stack([sway.at(moment) for moment in [*MOMENTS, 0.0]])
    steps = np.linalg.norm(np.diff(ways, axis=0), axis=2).max(axis=1)
    np.testing.assert_allclose(ways[0], ways[-1], atol=1e-9)
    assert steps[-1] < 1.5 * np.median(steps)


def test_the_head_moves_a_little_and_what_is_far_stays() -> None:
    points = np.array([FACE.curve("nose_base")[1], (2.0, 2.0)])
    ways = np.stack([Sway(Body.of(FACE), points).at(moment) for moment in MOMENTS])
    nose, corner = np.ptp(ways, axis=0).max(axis=1) / FACE.interocular
    assert 0.02 < nose < 0.1
    assert corner < 0.005


def test_the_shoulders_breathe() -> None:
    shoulder = np.array([[150.0, 600.0]])
    ways = np.stack([Sway(Body.of(FACE), shoulder).at(moment)[0] for moment in MOMENTS])
    assert 0.015 < np.ptp(ways[:, 1]) / FACE.interocular < 0.03


@pytest.fixture(scope="module")
def loop() -> tuple[StillLoop, list[NDArray[np.uint8]]]:
    made = StillLoop(drawn(FACE), FACE, Framing(0, 0, SIZE))
    return made, list(made.frames())


@pytest.mark.slow
def test_the_mouth_is_where_the_alignment_says(loop: tuple[StillLoop, list[NDArray[np.uint8]]]) -> None:
    """Lips, sampled by the alignment out of every frame, stand still to a third of a pixel."""
    crop = np.array([[154.0, 0, 180], [0, 154.0, 250]])
    alignment = loop[0].alignment(crop).astype(np.float64)
    half = np.array([[0, 0, 0.5], [0, 0, 0.5]])
    flat = np.array([[1 / 154, 0, 0.5 / 154], [0, 1 / 154, 0.5 / 154], [0, 0, 1]])
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    crops = [
        cv2.warpAffine(loop[1][i], alignment[i] @ flat - half, (154, 154), flags=flags) for i in range(0, FRAMES, 20)
    ]
    lips = [crop[20:80, 20:134].mean(axis=2).astype(np.float32) for crop in crops]
    assert max(np.abs(cv2.phaseCorrelate(lips[0], other)[0]).max() for other in lips) < 0.34


@pytest.mark.slow
def test_the_loop_has_no_jump_but_its_blinks(loop: tuple[StillLoop, list[NDArray[np.uint8]]]) -> None:
    frames = [frame.astype(np.int16) for frame in loop[1]]
    assert len(frames) == FRAMES
    steps = np.array([np.abs(frames[i] - frames[i - 1]).mean() for i in range(FRAMES)])
    blinking = {first + step for first in BLINKS for step in range(len(BLINK) + 1)}
    calm = np.array([i for i in range(FRAMES) if i not in blinking])
    assert steps[0] <= 1.5 * np.median(steps)
    assert steps[calm].max() <= 2.5 * np.median(steps)


def test_open_eyes_are_the_picture() -> None:
    picture = drawn(FACE)
    assert close_eyes(picture, FACE, 0.0) is picture


def test_closed_eyes_show_skin_and_nothing_else_changes() -> None:
    picture = drawn(FACE)
    shut = close_eyes(picture, FACE, 1.0)
    whites = (picture.min(axis=2) > 215)[EYES]
    assert (shut.min(axis=2) > 215)[EYES].sum() < 0.25 * whites.sum()
    changed = np.argwhere((shut != picture).any(axis=2))
    lids = FACE.eye_corners
    assert changed[:, 1].min() >= lids[:, 0].min() - 2
    assert changed[:, 1].max() <= lids[:, 0].max() + 2
    assert changed[:, 0].max() <= FACE.curve("left_eye_lower")[:, 1].max() + 5


def test_the_rim_of_glasses_stays_where_it_is() -> None:
    picture = drawn(FACE)
    for corners in (FACE.eye_corners[:2], FACE.eye_corners[2:]):
        x, y = corners.mean(axis=0)
        cv2.ellipse(picture, (int(x), int(y)), (24, 20), 0, 0, 360, (30, 30, 30), 2)
    shut = close_eyes(picture, FACE, 1.0)
    rim = picture.max(axis=2) < 60
    rim[int(FACE.eye_corners[:, 1].mean()) - 8 :] = False  # its upper part
    assert (shut.max(axis=2)[rim] < 90).mean() > 0.95


def test_glasses_on_the_lids_stop_the_blink() -> None:
    picture = drawn(FACE)
    x, y = FACE.eye_corners[:2].mean(axis=0)
    cv2.ellipse(picture, (int(x), int(y)), (24, 13), 0, 0, 360, (30, 30, 30), 3)
    assert close_eyes(picture, FACE, 1.0) is picture


def test_lids_fall_gradually() -> None:
    picture = drawn(FACE)
    white = [(close_eyes(picture, FACE, closure).min(axis=2) > 215)[EYES].sum() for closure in (0, 0.3, 0.6, 1)]
    assert white == sorted(white, reverse=True)
    assert len(set(white)) == 4


def test_eyes_at_the_pictures_edge_do_no_harm() -> None:
    corner = FACE.moved(np.array([[1.0, 0, -230], [0, 1.0, -225]]))
    assert close_eyes(drawn(FACE)[:40, :40], corner, 1.0).shape == (40, 40, 3)
