"""A photograph, the landmarker and everything after: the astronaut of scikit-image, a NASA portrait of 512×512."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.face.enrolment.checks import only_face
from engines.face.enrolment.enrol import enrol
from engines.face.enrolment.errors import PortraitError
from engines.face.enrolment.landmarker import Landmarker, landmarker_installed
from engines.face.tensors import check_tensors
from tests.engines.face.enrolment.faces import MODEL, save_picture

FOUND = importlib.util.find_spec("skimage")
PICTURE = Path(str(FOUND.origin)).parent / "data" / "astronaut.png" if FOUND and FOUND.origin else Path("astronaut.png")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not landmarker_installed(), reason="MediaPipe is not installed: pip install -e '.[enrol]'"),
    pytest.mark.skipif(not MODEL.is_file(), reason=f"the landmarker's model is not at {MODEL.name} beside the project"),
    pytest.mark.skipif(not PICTURE.is_file(), reason="scikit-image, whose astronaut is enrolled, is not installed"),
]


@pytest.fixture
def astronaut() -> NDArray[np.uint8]:
    picture = cv2.imread(str(PICTURE))
    assert picture is not None
    return np.asarray(picture[..., ::-1], np.uint8)


def test_she_becomes_an_avatar(tmp_path: Path) -> None:
    enrolled = enrol(PICTURE, Landmarker(MODEL, tmp_path), tmp_path)
    tensors = check_tensors(tmp_path, enrolled.tensors, enrolled.count)
    mouth = tensors.alignment[0] @ np.append(tensors.mesh[tensors.inner_upper].mean(axis=0), 1)
    assert mouth == pytest.approx((263, 229), abs=12)


def test_her_smile_is_closed(tmp_path: Path, astronaut: NDArray[np.uint8]) -> None:
    frame = next(enrol(PICTURE, Landmarker(MODEL, tmp_path), tmp_path).frames)
    before = only_face(Landmarker(MODEL, tmp_path).find(astronaut[None])[0])
    after = only_face(Landmarker(MODEL, tmp_path).find(frame[None])[0])
    assert before.mouth_gap / before.interocular > 0.08
    assert after.mouth_gap / after.interocular < 0.04


def change(name: str, astronaut: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = astronaut.copy()
    if name == "two people":
        picture = np.hstack([picture, picture])
    if name == "far away":
        picture = np.asarray(cv2.resize(picture, (200, 200), interpolation=cv2.INTER_AREA), np.uint8)
    if name == "masked":
        mask = np.array([[180, 135], [270, 135], [255, 180], [225, 195], [195, 180]], np.int32)
        cv2.fillConvexPoly(picture, mask, (90, 150, 190))
    if name == "nobody":
        picture[60:200, 150:300] = 128
    return (picture * 0.12).astype(np.uint8) if name == "dark" else picture


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("two people", "2 faces were found"),
        ("far away", "too small: 23 pixels"),
        ("masked", "covered"),
        ("dark", "too dark"),
        ("nobody", "no face"),
    ],
)
def test_refused_with_the_right_reason(tmp_path: Path, astronaut: NDArray[np.uint8], name: str, reason: str) -> None:
    path = save_picture(tmp_path / "p.png", change(name, astronaut))
    with pytest.raises(PortraitError, match=reason):
        enrol(path, Landmarker(MODEL, tmp_path), tmp_path)
