"""Encoding: every picture gives its packet at once, and decodes to nearly the same picture."""

from __future__ import annotations

import av
import cv2
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext

from streamer.output.video_encoder import VideoEncoder

WIDTH, HEIGHT, RATE, BITRATE = 160, 128, 25, 600_000
CODECS = {"video/VP8": "vp8", "video/H264": "h264"}
Image = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]

both = pytest.mark.parametrize("mime_type", list(CODECS))


def picture(index: int) -> Image:
    """A disc that walks over a gradient."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH]
    image = np.stack([columns, rows, 128 + 0 * rows], axis=2).astype(np.uint8)
    return np.asarray(cv2.circle(image, (20 + 3 * index, 64), 12, (220, 40, 60), -1), np.uint8)


def encoder(mime_type: str) -> VideoEncoder:
    return VideoEncoder(mime_type, WIDTH, HEIGHT, RATE)


def decoded(mime_type: str, packets: list[bytes]) -> list[Image]:
    codec = av.CodecContext.create(CODECS[mime_type], "r")
    assert isinstance(codec, VideoCodecContext)
    frames = [frame for packet in [*packets, None] for frame in codec.decode(av.Packet(packet) if packet else None)]
    return [np.asarray(frame.to_ndarray(format="rgb24"), np.uint8) for frame in frames]


def psnr(one: Image, other: Image) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


@both
def test_pictures_come_back_nearly_as_they_were(mime_type: str) -> None:
    coder = encoder(mime_type)
    packets = [coder.encode(picture(index), index, BITRATE, key_frame=False)[0] for index in range(20)]
    assert all(packets)
    shown = decoded(mime_type, packets)
    assert len(shown) == 20
    assert min(psnr(picture(index), image) for index, image in enumerate(shown)) > 28


@both
def test_key_frames_come_first_and_when_asked_for(mime_type: str) -> None:
    coder = encoder(mime_type)
    keys = [coder.encode(picture(index), index, BITRATE, key_frame=index == 7)[1] for index in range(12)]
    assert [index for index, key in enumerate(keys) if key] == [0, 7]


@both
def test_a_viewer_can_begin_at_a_key_frame(mime_type: str) -> None:
    coder = encoder(mime_type)
    packets = [coder.encode(picture(index), index, BITRATE, key_frame=index == 7)[0] for index in range(12)]
    shown = decoded(mime_type, packets[7:])
    assert len(shown) == 5
    assert psnr(picture(11), shown[-1]) > 28


@both
def test_a_new_bit_rate_takes_effect_at_the_price_of_a_key_frame(mime_type: str) -> None:
    coder, noise = encoder(mime_type), np.random.default_rng(0)
    sizes: dict[int, int] = {}
    for bitrate in (300_000, 1_200_000):
        encoded = [
            coder.encode(noise.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8), index, bitrate, key_frame=False)
            for index in range(20)
        ]
        assert [key for _, key in encoded][:2] == [True, False]
        sizes[bitrate] = sum(len(data) for data, _ in encoded[5:])
    assert sizes[1_200_000] > 1.5 * sizes[300_000]


@both
def test_a_still_picture_costs_little(mime_type: str) -> None:
    coder = encoder(mime_type)
    sizes = [len(coder.encode(picture(0), index, BITRATE, key_frame=False)[0]) for index in range(25)]
    assert sum(sizes[5:]) * 8 < 0.8 * BITRATE * 20 / RATE


@both
@pytest.mark.parametrize(("width", "height"), [(95, 96), (96, 95), (95, 95)])
def test_a_frame_of_odd_size_is_padded_by_a_copy_of_its_edge(mime_type: str, width: int, height: int) -> None:
    image = picture(0)[:height, :width]
    data, _ = VideoEncoder(mime_type, width, height, RATE).encode(image, 0, BITRATE, key_frame=True)
    (shown,) = decoded(mime_type, [data])
    assert shown.shape == (96, 96, 3)
    assert psnr(image, shown[:height, :width]) > 28


def test_h264_takes_frames_larger_than_level_3_1() -> None:
    image = np.zeros((2048, 2048, 3), np.uint8)
    data, key_frame = VideoEncoder("video/H264", 2048, 2048, RATE).encode(image, 0, 4_000_000, key_frame=True)
    assert key_frame
    assert decoded("video/H264", [data])[0].shape == (2048, 2048, 3)


@both
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (95, 96), (4096, 4095)])
def test_every_size_that_an_avatar_may_have_is_encoded(mime_type: str, size: tuple[int, int]) -> None:
    width, height = size
    coder = VideoEncoder(mime_type, width, height, RATE)
    data, key_frame = coder.encode(np.zeros((height, width, 3), np.uint8), 0, BITRATE, key_frame=False)
    assert data
    assert key_frame
