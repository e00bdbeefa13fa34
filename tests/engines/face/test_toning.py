"""Grey and sepia presenters: what is drawn into them gets their colours."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest

from engines.arrays import F32, U8
from engines.face.avatar import FaceAvatar, load_avatar
from engines.face.interior import MouthInteriorTextures
from engines.face.mouth_canvas import MouthCanvas
from engines.face.toning import toned, toning
from engines.loader import SHIPPED
from tests.engines.face.tiny_avatar import motion

PRESENTERS = ("helen", "kofi", "mira", "noor")


def grey(picture: U8) -> U8:
    return np.repeat(np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)[..., None], 3, axis=2)


def sepia(picture: U8) -> U8:
    level = grey(picture) / 255
    return np.asarray(np.rint(255 * level ** np.array([0.8, 0.95, 1.2])), np.uint8)


def jpeg(picture: U8, quality: int) -> U8:
    data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
    decoded = cv2.imdecode(data, cv2.IMREAD_COLOR)
    assert decoded is not None
    return np.ascontiguousarray(decoded[..., ::-1], np.uint8)


@pytest.fixture(scope="module", params=PRESENTERS)
def avatar(request: pytest.FixtureRequest) -> FaceAvatar:
    return load_avatar(SHIPPED / request.param)


def mouth(picture: U8) -> U8:
    return np.ascontiguousarray(picture[200:360, 170:340])


def test_presenters_have_colours_of_their_own(avatar: FaceAvatar) -> None:
    assert toning(mouth(avatar.loop[0])) is None


@pytest.mark.parametrize("tone", [grey, sepia])
@pytest.mark.parametrize("quality", [60, 95])
def test_grey_and_sepia_pictures_have_not(avatar: FaceAvatar, tone: object, quality: int) -> None:
    assert callable(tone)
    assert toning(jpeg(tone(mouth(avatar.loop[0])), quality)) is not None


def test_a_toned_picture_keeps_its_luminance() -> None:
    table = toning(sepia(np.tile(np.arange(256, dtype=np.uint8)[None, :, None], (256, 1, 3))))
    assert table is not None
    red = np.zeros((8, 8, 3), np.uint8) + np.array([180, 40, 30], np.uint8)
    result = toned(red, table)
    np.testing.assert_allclose(grey(result), grey(red), atol=1)
    assert result[0, 0, 0] > result[0, 0, 1] > result[0, 0, 2]


def opened(avatar: FaceAvatar, tone: object, residual: F32 | None) -> U8:
    assert callable(tone)
    frame = tone(avatar.loop[0])
    canvas = MouthCanvas(replace(avatar, loop=[frame]), MouthInteriorTextures())
    return canvas.compose(0, motion(jawOpen=0.5, mouthUpperUp=0.2, mouthLowerDown=0.2), residual=residual).rgb


RED = np.full((128, 128, 3), (30, 0, -10), np.float32)


@pytest.mark.parametrize("residual", [None, RED], ids=["warped", "refined in colour"])
def test_the_mouth_of_a_grey_presenter_is_grey(avatar: FaceAvatar, residual: F32 | None) -> None:
    picture = opened(avatar, grey, residual).astype(int)
    assert np.ptp(picture, axis=2).max() <= 1
    assert np.abs(picture - grey(avatar.loop[0])).max() > 50  # it is open


def test_the_mouth_of_a_coloured_presenter_keeps_its_colours(avatar: FaceAvatar) -> None:
    assert np.ptp(opened(avatar, lambda picture: picture, None).astype(int), axis=2).max() > 20
