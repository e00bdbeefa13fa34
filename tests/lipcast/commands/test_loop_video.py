"""Tests of the encoded idle loop."""

from __future__ import annotations

import io

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from lipcast.commands.loop_video import encode_loop

SIDE, FRAMES = 128, 60


def swaying_loop() -> NDArray[np.uint8]:
    """(FRAMES, SIDE, SIDE, 3): a coarse texture that sways by two pixels round the loop."""
    rng = np.random.default_rng(3)
    texture = cv2.GaussianBlur(rng.uniform(0, 255, (SIDE, SIDE, 3)).astype(np.float32), (0, 0), 2.0)
    texture = (texture - texture.mean()) * 4 + 128
    frames = []
    for index in range(FRAMES):
        turn = 2 * np.pi * index / FRAMES + np.pi / 3  # neither fastest nor slowest at the seam
        way = np.array([[1, 0, 2 * np.sin(turn)], [0, 1, np.cos(turn)]])
        moved = cv2.warpAffine(texture, way, (SIDE, SIDE), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        frames.append(np.clip(moved, 0, 255).astype(np.uint8))
    return np.stack(frames)


def decoded(video: bytes) -> NDArray[np.int16]:
    with av.open(io.BytesIO(video), "r") as container:
        return np.stack([frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]).astype(np.int16)


def test_the_seam_is_no_larger_than_other_steps() -> None:
    loop = decoded(encode_loop(swaying_loop(), FRAMES, 25))
    steps = np.abs(loop - np.roll(loop, -1, axis=0)).mean(axis=(1, 2, 3))  # the last is the seam
    assert len(loop) == FRAMES
    assert steps[-1] <= steps[:-1].max()


@pytest.mark.parametrize("frames", [1, 2, 7])
def test_short_loops_are_encoded_too(frames: int) -> None:
    assert decoded(encode_loop(swaying_loop()[:frames], frames, 25)).shape == (frames, SIDE, SIDE, 3)


@pytest.mark.parametrize("frames", [0, 3, 5])
def test_another_number_of_frames_than_promised_is_an_error(frames: int) -> None:
    with pytest.raises(ValueError, match=f"expected 4 frames of a loop, got {frames}"):
        encode_loop(swaying_loop()[:frames], 4, 25)
