"""From a file to an avatar's parts, the face being known; and with the landmarker, the astronaut."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.api import FRAME_RATE
from engines.face.enrolment.canonical import canonical_mouth
from engines.face.enrolment.enrol import enrol
from engines.face.enrolment.errors import LandmarksError, PortraitError
from engines.face.enrolment.framing import SIZE, WANTED, Framing, enlarged, frame_face
from engines.face.enrolment.landmarker import distinct, from_parts, parts_of_picture
from engines.face.enrolment.mouth_fit import fit_mouth
from engines.face.enrolment.pose import fit_pose
from engines.face.enrolment.retouch import close_lips
from engines.face.geometry import MouthGeometry
from engines.face.tensors import check_tensors
from tests.engines.face.enrolment.faces import (
    KnownFaces,
    Picture,
    drawn,
    face,
    parted,
    save_clip,
    save_picture,
    save_timed_clip,
)
from tests.engines.face.enrolment.occluders import COVERING
from tests.engines.face.tiny_avatar import motion


@pytest.mark.parametrize("yaw", [0, 20])
def test_a_picture_becomes_an_avatars_parts(tmp_path: Path, yaw: float) -> None:
    of = face(yaw)
    enrolled = enrol(save_picture(tmp_path / "p.png", drawn(of)), KnownFaces(of), tmp_path)
    tensors = check_tensors(tmp_path, enrolled.tensors, enrolled.count)
    assert enrolled.count == 200
    assert next(enrolled.frames).shape == (SIZE, SIZE, 3)
    gaps = MouthGeometry(tensors).pose(motion(jawOpen=0.5).coefficients).gaps
    assert gaps.max() > 0.1 * tensors.interocular


def test_no_face_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PortraitError, match="no face was found"):
        enrol(save_picture(tmp_path / "p.png", drawn(face())), KnownFaces(), tmp_path)


def test_a_turned_face_is_refused(tmp_path: Path) -> None:
    of = face(40)
    with pytest.raises(PortraitError, match="turned aside"):
        enrol(save_picture(tmp_path / "p.png", drawn(of)), KnownFaces(of), tmp_path)


def test_faces_of_a_pictures_parts_are_told_apart_and_cut_ones_left_out() -> None:
    tiles, corners = parts_of_picture(np.zeros((600, 1000, 3), np.uint8))
    assert tiles.shape == (4, 360, 600, 3)
    assert corners == [(0, 0), (400, 0), (0, 240), (400, 240)]
    small = face(scale=40).moved(np.array([[1.0, 0, 0], [0, 1.0, -100]]))
    cut = small.moved(np.array([[1.0, 0, -240], [0, 1.0, 0]]))
    found = from_parts([[small], [cut], [], [small]], corners, (360, 600))
    np.testing.assert_allclose(found[1].points, small.points + np.array([400, 240]))
    assert len(distinct([small, *found])) == 2


def test_a_framing_shows_head_and_shoulders() -> None:
    framing = frame_face(face(), 2000, 2000)
    assert framing.side / SIZE == pytest.approx(face().interocular / WANTED)
    eyes = (face().eye_corners.mean(axis=0) - (framing.left, framing.top)) / framing.side
    assert framing.left == 0 or eyes[0] == pytest.approx(0.5, abs=0.02)
    assert framing.top == 0 or eyes[1] == pytest.approx(0.4)


@pytest.mark.parametrize("size", [(512, 512), (400, 700), (700, 400)])
def test_a_framing_stays_inside_the_picture(size: tuple[int, int]) -> None:
    framing = frame_face(face(), *size)
    assert framing.left >= 0
    assert framing.top >= 0
    assert framing.left + framing.side <= size[0] + 1e-9
    assert framing.top + framing.side <= size[1] + 1e-9


@pytest.mark.parametrize("side", [300.0, 512.0, 900.0])
def test_an_enlarged_picture_is_where_it_says(side: float) -> None:
    picture = np.zeros((1000, 1000, 3), np.uint8)
    picture[200:240, 240:280] = 255
    near, to_near = enlarged(picture, Framing(90.0, 60.0, side))
    rows, columns = np.nonzero(near[..., 0] > 127)
    middle = to_near @ (260, 220, 1)
    assert (columns.mean() + 0.5, rows.mean() + 0.5) == pytest.approx(tuple(middle), abs=0.3)


def test_a_smile_is_closed_and_shows_no_teeth() -> None:
    of = parted(face(), 14)
    fit = fit_mouth(canonical_mouth(), of, fit_pose(canonical_mouth().landmarks, of))
    picture = drawn(of)
    closed = close_lips(canonical_mouth(), picture, fit)
    mouth = (slice(280, 330), slice(230, 282))
    assert (picture[mouth].min(axis=2) > 200).sum() > 300
    assert (closed[mouth].min(axis=2) > 200).sum() < 10
    np.testing.assert_array_equal(closed[:120], picture[:120])


def test_closed_lips_stay_as_they_are() -> None:
    of = parted(face(), 0)
    fit = fit_mouth(canonical_mouth(), of, fit_pose(canonical_mouth().landmarks, of))
    picture = drawn(of)
    assert close_lips(canonical_mouth(), picture, fit) is picture


def test_a_clip_becomes_a_loop_there_and_back(tmp_path: Path) -> None:
    frames = [drawn(face())] * 70
    enrolled = enrol(save_clip(tmp_path / "c.mp4", frames), KnownFaces(parted(face(), 1)), tmp_path)
    check_tensors(tmp_path, enrolled.tensors, enrolled.count)
    loop = list(enrolled.frames)
    assert len(loop) == enrolled.count >= 100
    np.testing.assert_array_equal(loop[1], loop[-1])


def test_points_set_by_hand_are_not_for_clips(tmp_path: Path) -> None:
    from engines.face.enrolment.landmarks import place
    from engines.face.enrolment.points_file import NAMES, ManualPoints

    of = face()
    points = {name: tuple(of.points[place(spots[0][0]).start + spots[0][1]]) for name, spots in NAMES.items()}
    with pytest.raises(LandmarksError, match="a clip needs the face landmarker"):
        enrol(save_clip(tmp_path / "c.mp4", [drawn(of)] * 60), ManualPoints(points), tmp_path)


def clocked(time: float) -> Picture:
    """A face, and beside it a strip whose grey says the time."""
    picture = drawn(face())
    picture[:, :40] = round(20 + 30 * time)
    return picture


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "codec", "times"),
    [
        ("phone.mp4", "libx264", [*np.arange(60) / 30, *(2 + np.arange(40) / 10)]),
        ("webcam.webm", "libvpx", [*np.arange(90) / 30, *(3.01 + np.arange(45) / 14.9)]),
    ],
)
def test_the_loop_of_a_clip_whose_rate_changes_runs_at_real_speed(
    tmp_path: Path, name: str, codec: str, times: list[float]
) -> None:
    path = save_timed_clip(tmp_path / name, [clocked(time) for time in times], times, codec)
    enrolled = enrol(path, KnownFaces(parted(face(), 1)), tmp_path)
    shown = np.array([(frame[100:400, 10:30].mean() - 20) / 30 for frame in enrolled.frames])
    there = shown[: len(shown) // 2 + 1]
    assert len(there) >= 100
    np.testing.assert_allclose(there - there[0], np.arange(len(there)) / FRAME_RATE, atol=0.15)


def test_a_refusal_names_the_file_and_the_fix(tmp_path: Path) -> None:
    path = save_clip(tmp_path / "c.mp4", [drawn(face())] * 38)
    with pytest.raises(PortraitError) as error:
        enrol(path, KnownFaces(face()), tmp_path)
    assert str(error.value) == (
        f"{path}: the clip is too short: it lasts 1.5 s, at least 2 s are needed; "
        "record about ten seconds of the person listening"
    )


def test_faults_of_a_portrait_are_noted(tmp_path: Path) -> None:
    blurred = np.asarray(cv2.GaussianBlur(drawn(face()), (0, 0), 5), np.uint8)
    path = save_picture(tmp_path / "p.png", blurred)
    assert enrol(path, KnownFaces(face()), tmp_path).notes == (
        f"{path}: the face is very blurred, and the avatar will be; give a sharper picture",
    )


def test_a_microphone_that_comes_into_a_clip_is_noticed(tmp_path: Path) -> None:
    frames = [drawn(face())] * 40 + [COVERING["microphone"](drawn(face()), face())] * 80
    with pytest.raises(PortraitError, match="the mouth seems to be covered"):
        enrol(save_clip(tmp_path / "c.mp4", frames), KnownFaces(parted(face(), 1)), tmp_path)
