"""The Structurist: the avatar's looks with the wanted lip shape."""

from __future__ import annotations

from itertools import pairwise

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.face.structurist import ResampledStructure, StructureFrames, Structurist
from engines.motion import LipMotion
from tests.engines.face import tiny_avatar as tiny

AVATAR = tiny.avatar()
SIZE = 64


@pytest.fixture
def frames() -> StructureFrames:
    return StructureFrames(AVATAR.face, SIZE)


def draw(frames: StructureFrames, motion: LipMotion, frame: int = 0) -> NDArray[np.uint8]:
    return frames.draw(AVATAR.loop[frame], AVATAR.face.alignment[frame], motion)


def crop(frame: int) -> NDArray[np.uint8]:
    """The crop of a loop frame, cut out by another way."""
    affine = AVATAR.face.alignment[frame].astype(np.float64) @ np.diag([1 / SIZE, 1 / SIZE, 1])
    affine[:, 2] += affine[:, :2] @ [0.5, 0.5] - 0.5
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    cut = cv2.warpAffine(AVATAR.loop[frame], affine, (SIZE, SIZE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cut, np.uint8)


def opening(picture: NDArray[np.uint8]) -> int:
    """How much of the picture is the mouth's dark cavity or its teeth, in pixels' differences from rest."""
    return int((np.abs(picture.astype(int) - crop(0)).max(axis=2) > 40).sum())


@pytest.mark.parametrize("frame", range(tiny.FRAMES))
def test_a_mouth_at_rest_is_the_crop(frames: StructureFrames, frame: int) -> None:
    difference = draw(frames, tiny.motion(), frame).astype(int) - crop(frame)
    assert np.abs(difference).max() <= 6  # cv2 places samples on a grid of 1/32 pixel; the grain is that steep


def test_a_mouth_at_rest_is_the_same_pixels_at_the_source_scale() -> None:
    """Not by a short cut: the whole way, through map and interpolation."""
    left, top, side = 20, 30, 60
    structurist = Structurist(AVATAR.face, side, side, tiny.CROP[2])
    for image, alignment in zip(AVATAR.loop, AVATAR.face.alignment, strict=True):
        to_output = alignment.astype(np.float64) - np.array([[0, 0, left], [0, 0, top]])
        drawn = structurist.draw(image, alignment, to_output, tiny.motion())
        np.testing.assert_array_equal(drawn, image[top : top + side, left : left + side])


def test_the_mouth_opens_with_the_jaw(frames: StructureFrames) -> None:
    areas = [opening(draw(frames, tiny.motion(jawOpen=value))) for value in (0, 0.15, 0.3, 0.5, 0.75, 1)]
    assert areas[0] == 0
    assert all(later > earlier for earlier, later in pairwise(areas))


def test_teeth_show_in_the_opening(frames: StructureFrames) -> None:
    middle = draw(frames, tiny.motion(jawOpen=1))[:, SIZE // 2]
    assert (middle.min(axis=1) > 100).any()
    assert (middle.max(axis=1) < 60).any()


def test_closed_lips_seal_over_a_lowered_jaw(frames: StructureFrames) -> None:
    closed = frames.draw(
        np.full_like(AVATAR.loop[0], 180), AVATAR.face.alignment[0], tiny.motion(jawOpen=0.6, mouthClose=0.6)
    )
    assert (closed == 180).all()  # a plain face stays plain: nothing of the inside shows


def test_a_slightly_open_mouth_differs_slightly(frames: StructureFrames) -> None:
    still = draw(frames, tiny.motion()).astype(int)
    parted = draw(frames, tiny.motion(jawOpen=0.002))
    assert np.abs(parted - still).max() <= 12


def test_pucker_narrows_the_lips(frames: StructureFrames) -> None:
    ramp = np.broadcast_to(np.arange(tiny.SIZE, dtype=np.uint8)[None, :, None] * 2, AVATAR.loop[0].shape).copy()
    row = int(0.45 * SIZE) + 1
    still, narrow = (
        frames.draw(ramp, AVATAR.face.alignment[0], motion)[row, :, 0].astype(int)
        for motion in (tiny.motion(), tiny.motion(mouthPucker=1))
    )
    assert narrow[SIZE // 2 + 10] > still[SIZE // 2 + 10]  # shows what was farther to the right
    assert narrow[SIZE // 2 - 10] < still[SIZE // 2 - 10]


def test_the_crop_border_stays(frames: StructureFrames) -> None:
    still, moved = draw(frames, tiny.motion()), draw(frames, tiny.motion(jawOpen=1, mouthPucker=1))
    for edge in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        np.testing.assert_array_equal(moved[edge], still[edge])


def test_pictures_are_the_callers_own(frames: StructureFrames) -> None:
    first = draw(frames, tiny.motion(jawOpen=0.5))
    kept = first.copy()
    draw(frames, tiny.motion(jawOpen=1))
    np.testing.assert_array_equal(first, kept)


def test_one_frame_never_depends_on_another(frames: StructureFrames) -> None:
    fresh = draw(StructureFrames(AVATAR.face, SIZE), tiny.motion(jawOpen=0.4))
    draw(frames, tiny.motion(jawOpen=1, mouthPucker=1), 2)
    np.testing.assert_array_equal(draw(frames, tiny.motion(jawOpen=0.4)), fresh)


WINDOW = 60  # pixels: a window of the frame that holds the crop
TALK = [{"jawOpen": 0.3}, {"jawOpen": 0.6, "mouthPucker": 0.4}, {"jawOpen": 0.6, "mouthClose": 0.6}, {}]


@pytest.mark.parametrize("coefficients", TALK)
@pytest.mark.parametrize("frame", range(tiny.FRAMES))
def test_a_second_size_is_the_structure_frame(
    frames: StructureFrames, coefficients: dict[str, float], frame: int
) -> None:
    motion, image, alignment = tiny.motion(**coefficients), AVATAR.loop[frame], AVATAR.face.alignment[frame]
    to_window = alignment.astype(np.float64) - np.array([[0, 0, 20], [0, 0, 30]])
    moved = Structurist(AVATAR.face, WINDOW, WINDOW, tiny.CROP[2]).move(alignment, to_window, motion)
    apart = np.abs(ResampledStructure(AVATAR.face, SIZE).draw(image, moved) - draw(frames, motion, frame).astype(int))
    # Where two triangles meet, the look-up between pixels rounds the bend off.
    assert np.sqrt(np.square(apart).mean()) < (1.0 if coefficients else 0.01)
    assert (apart > 4).mean() < 0.01


def test_a_second_size_leaves_the_first_one_s_picture_as_it_was() -> None:
    image, alignment, motion = AVATAR.loop[0], AVATAR.face.alignment[0], tiny.motion(jawOpen=0.5)
    to_window = alignment.astype(np.float64) - np.array([[0, 0, 20], [0, 0, 30]])
    structurist = Structurist(AVATAR.face, WINDOW, WINDOW, tiny.CROP[2])
    alone = structurist.draw(image, alignment, to_window, motion)
    moved = structurist.move(alignment, to_window, motion)
    ResampledStructure(AVATAR.face, SIZE).draw(image, moved)
    np.testing.assert_array_equal(structurist.paint(image, moved), alone)


def test_what_of_the_crop_lies_outside_the_window_stays_where_it_was() -> None:
    """As at a frame's edge: there is no offset to look up."""
    image, alignment, motion = AVATAR.loop[0], AVATAR.face.alignment[0], tiny.motion(jawOpen=0.5)
    to_window = alignment.astype(np.float64) - np.array([[0, 0, 40], [0, 0, 30]])
    moved = Structurist(AVATAR.face, WINDOW, WINDOW, tiny.CROP[2]).move(alignment, to_window, motion)
    drawn = ResampledStructure(AVATAR.face, SIZE).draw(image, moved)
    left = round(SIZE * (40 - tiny.CROP[0]) / tiny.CROP[2]) - 2
    at_rest = Structurist(AVATAR.face, WINDOW, WINDOW, tiny.CROP[2]).move(alignment, to_window, tiny.motion())
    still = ResampledStructure(AVATAR.face, SIZE).draw(image, at_rest)
    closed = np.s_[: SIZE // 3, :left]  # above the lips, which are drawn all the same
    np.testing.assert_array_equal(drawn[closed], still[closed])
