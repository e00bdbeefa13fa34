"""What is before a mouth is noticed; what is around it or on it is not."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest

from engines.face.enrolment.checks import burnt_out, covered, portrait_notes, sharpness
from engines.face.enrolment.covered import cheapest_line, longest
from engines.face.enrolment.landmarker import Landmarker, landmarker_installed
from engines.face.enrolment.landmarks import FaceLandmarks
from engines.loader import SHIPPED
from tests.engines.face.enrolment.faces import MODEL, drawn, face, parted
from tests.engines.face.enrolment.occluders import COVERING, HARMLESS, Picture

PRESENTERS = ("helen", "kofi", "mira", "noor")
needs_landmarker = pytest.mark.skipif(
    not landmarker_installed() or not MODEL.is_file(), reason="MediaPipe or the landmarker's model is not installed"
)


@pytest.mark.parametrize("name", COVERING)
def test_a_drawn_mouth_that_is_covered(name: str) -> None:
    assert covered(COVERING[name](drawn(face()), face()), face())


@pytest.mark.parametrize("name", HARMLESS)
@pytest.mark.parametrize("gap", [0, 12])
def test_a_drawn_mouth_that_is_free(name: str, gap: int) -> None:
    of = parted(face(), gap)
    assert not covered(HARMLESS[name](drawn(of), of), of)


def presenters() -> list[Picture]:
    frames = []
    for name in PRESENTERS:
        with av.open(str(SHIPPED / name / "loop.mp4")) as clip:
            frames.append(np.asarray(next(clip.decode(video=0)).to_ndarray(format="rgb24"), np.uint8))
    return frames


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[tuple[Picture, FaceLandmarks]]]:
    """Each thing on each presenter, and the landmarks that are found then: those of the mouth are made up."""
    finder, frames = Landmarker(MODEL, tmp_path_factory.mktemp("landmarks")), presenters()
    faces = [found[0] for found in finder.find(np.stack(frames))]
    drawings = {**COVERING, **HARMLESS}
    pictures = {name: [draw(*pair) for pair in zip(frames, faces, strict=True)] for name, draw in drawings.items()}
    found = finder.find(np.stack([picture for name in drawings for picture in pictures[name]]))
    every = iter(found)
    return {name: [(picture, next(every)[0]) for picture in pictures[name]] for name in drawings}


@needs_landmarker
@pytest.mark.slow
@pytest.mark.parametrize("name", COVERING)
def test_a_presenter_whose_mouth_is_covered(shown: dict[str, list[tuple[Picture, FaceLandmarks]]], name: str) -> None:
    assert [covered(*pair) for pair in shown[name]] == [True] * len(PRESENTERS)


@needs_landmarker
@pytest.mark.slow
@pytest.mark.parametrize("name", HARMLESS)
def test_a_presenter_whose_mouth_is_free(shown: dict[str, list[tuple[Picture, FaceLandmarks]]], name: str) -> None:
    assert [covered(*pair) for pair in shown[name]] == [False] * len(PRESENTERS)


@needs_landmarker
@pytest.mark.slow
def test_presenters_as_they_are_have_no_faults(shown: dict[str, list[tuple[Picture, FaceLandmarks]]]) -> None:
    assert [portrait_notes(*pair) for pair in shown["nothing"]] == [()] * len(PRESENTERS)


@needs_landmarker
@pytest.mark.slow
def test_a_very_blurred_presenter_is_warned_of(shown: dict[str, list[tuple[Picture, FaceLandmarks]]]) -> None:
    for picture, of in shown["nothing"]:
        blurred = np.asarray(cv2.GaussianBlur(picture, (0, 0), 4 * of.interocular / 112), np.uint8)
        (note,) = portrait_notes(blurred, of)
        assert note == "the face is very blurred, and the avatar will be; give a sharper picture"
        assert sharpness(picture, of) > 2 * sharpness(blurred, of)


def test_a_burnt_out_face_is_warned_of_with_its_share() -> None:
    picture = drawn(face())
    left = np.arange(512)[None, :, None] < 256
    burnt = np.where(left, 255, picture).astype(np.uint8)
    assert burnt_out(picture, face()) == 0
    assert burnt_out(burnt, face()) == pytest.approx(0.5, abs=0.06)
    assert any("of the face is burnt out to white" in note for note in portrait_notes(burnt, face()))


def test_the_cheapest_line_follows_a_valley_and_does_not_jump() -> None:
    cost = np.zeros((20, 30))
    valley = np.rint(10 + 3 * np.sin(np.arange(30) / 6)).astype(int)
    cost[valley, np.arange(30)] = -5
    cost[2, 15] = -8  # deeper, but far away
    np.testing.assert_array_equal(cheapest_line(cost), valley)


def test_the_longest_run() -> None:
    assert longest(np.array([True, True, False, True, True, True, False])) == 3
    assert longest(np.zeros(4, bool)) == 0
