"""The part of the head that is drawn, and light on it: with the face model, which takes seconds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba", reason="numba draws the mouths: install the train extra")
pytest.importorskip("scipy", reason="the region of a head needs scipy: pip install -e .[train]")

from scripts.training.heads.model import HeadModel, load_facekit
from scripts.training.mouth_data.person import random_person
from scripts.training.mouth_data.photo_session import WINDOW, HeadPose, PhotoSession
from scripts.training.mouth_data.region import FLESH, SKIN, SOCKET, TEETH, Region, build_region
from scripts.training.mouth_data.sample import align, enrol
from scripts.training.mouth_data.texture import paint_skin

pytestmark = pytest.mark.slow
SIZE = 48
OPEN = {"jawOpen": 0.7, "mouthUpperUp": 0.5}


@pytest.fixture(scope="module")
def region(facekit: Path) -> Region:
    return build_region(load_facekit(facekit))


@pytest.fixture(scope="module")
def session(region: Region) -> PhotoSession:
    draw = np.random.default_rng(3)
    person = replace(random_person(draw), beard=0.0, stubble=0.0)
    session = PhotoSession(region, person, paint_skin(person), draw, SIZE, HeadPose())
    session.camera = replace(session.camera, shot_noise=0.0, read_noise=0.0, quality=0)
    return session


def test_every_triangle_has_its_part_and_its_vertices(region: Region) -> None:
    count = len(region.used)
    assert region.triangles.max() < count
    assert set(np.unique(region.part)) == {SKIN, TEETH, FLESH, SOCKET}
    for values in (region.texture, region.lip, region.tongue, region.jaw, region.mean):
        assert len(values) == count


def test_lips_lie_within_their_border_and_the_chin_outside(region: Region) -> None:
    lips = region.kit.landmarks68[60:68]
    chin = region.kit.landmarks68[8]
    at = {int(vertex): index for index, vertex in enumerate(region.used)}
    assert max(region.lip[at[int(vertex)]] for vertex in lips) < 0
    assert region.lip[at[int(chin)]] > 1


def test_an_identity_is_the_model_s_own(region: Region) -> None:
    identity = np.random.default_rng(0).normal(0, 0.7, 100).astype(np.float32)
    own = HeadModel(region.kit, identity)
    np.testing.assert_allclose(region.head(identity).neutral, own.neutral, atol=1e-3)


def test_the_crop_lies_in_the_middle_of_the_raster(session: PhotoSession) -> None:
    crop = session.crop
    assert crop.side == pytest.approx(session.raster / WINDOW)
    assert crop.x == crop.y == pytest.approx(session.raster * (1 - 1 / WINDOW) / 2)


def test_an_open_mouth_shows_teeth_and_inside_and_a_shut_one_does_not(session: PhotoSession) -> None:
    draw = np.random.default_rng(0)
    shut, opened = (session.picture(expression, session.head_pose, draw) for expression in (session.rest, OPEN))
    lips, teeth, inside = (opened.regions[..., channel].sum() for channel in range(3))
    assert lips > 100
    assert teeth > 20
    assert inside > teeth
    assert shut.regions[..., 1].sum() < 0.1 * teeth
    assert opened.landmarks[18, 1] - opened.landmarks[14, 1] > 5 * (shut.landmarks[18, 1] - shut.landmarks[14, 1])


def test_an_open_mouth_is_darker_than_the_lips(session: PhotoSession) -> None:
    picture = session.picture(OPEN, session.head_pose, np.random.default_rng(0))
    scale = session.camera.size / session.raster
    column, row = (picture.landmarks[[14, 18]].mean(axis=0) * scale).astype(int)
    lip_column, lip_row = (picture.landmarks[9] * scale).astype(int)
    assert picture.image[row, column].mean() < 0.7 * picture.image[lip_row - 1, lip_column].mean()


def test_a_turned_head_moves_its_landmarks(session: PhotoSession) -> None:
    draw = np.random.default_rng(0)
    ahead, turned = (session.picture(session.rest, pose, draw) for pose in (HeadPose(), HeadPose(yaw=8.0)))
    moved = turned.landmarks[:, 0] - ahead.landmarks[:, 0]
    assert moved.min() > 1


def test_plates_hold_teeth_of_one_jaw_each(session: PhotoSession) -> None:
    upper, lower = session.plate(on_jaw=False), session.plate(on_jaw=True)
    rows = np.arange(session.raster)
    centre = [float((plate[..., 3].sum(axis=1) * rows).sum() / plate[..., 3].sum()) for plate in (upper, lower)]
    assert centre[0] < centre[1]
    assert upper[..., 3].max() == lower[..., 3].max() == 255
    assert session.cavity().max() < 120


def test_the_first_stance_is_aligned_with_the_crop_and_others_move_it(session: PhotoSession) -> None:
    subject = enrol(session, np.random.default_rng(1), SIZE)
    crop = session.crop
    expected = np.array([[crop.side, 0, crop.x], [0, crop.side, crop.y]])
    np.testing.assert_allclose(align(subject, session.head_pose), expected, atol=1e-6)
    shifted = align(subject, HeadPose(x=0.2))
    assert shifted[0, 2] - expected[0, 2] > 0.5
    np.testing.assert_allclose(shifted[:, :2], expected[:, :2], atol=0.5)
    assert subject.reference.shape == (SIZE, SIZE, 3)
