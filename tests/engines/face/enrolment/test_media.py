"""Files of users: decoded upright and bare, or refused with a reason, in bounded time and memory."""

from __future__ import annotations

import resource
from pathlib import Path

import cv2
import numpy as np
import pytest

from engines.face.enrolment.errors import MediaError
from engines.face.enrolment.media import Media, open_media, picture, scan, stretch
from tests.engines.face.enrolment.faces import drawn, face, png, save_clip, save_picture, with_orientation

PICTURE = drawn(face())


def opened(path: Path) -> Media:
    workspace = path.parent / "work"
    workspace.mkdir()
    return open_media(path, workspace)


def decoded(path: Path) -> None:
    media = opened(path)
    scan(media) if media.is_clip else picture(media)


def refused(path: Path, reason: str) -> None:
    with pytest.raises(MediaError, match=reason) as error:
        decoded(path)
    assert str(error.value).startswith(f"{path}: ")


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_picture_comes_as_it_is(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"p.{kind}"
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == "webp" else []
    cv2.imwrite(str(path), PICTURE[..., ::-1], options)
    np.testing.assert_array_equal(picture(opened(path)), PICTURE)


def test_a_picture_is_turned_upright(tmp_path: Path) -> None:
    lying = cv2.imencode(".jpg", np.rot90(PICTURE)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    path = tmp_path / "p.jpg"
    path.write_bytes(with_orientation(lying, 6))
    np.testing.assert_allclose(picture(opened(path)).astype(int), PICTURE.astype(int), atol=70)


def test_a_large_picture_is_shrunk(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "p.png", np.zeros((100, 6000, 3), np.uint8))
    assert picture(opened(path)).shape == (51, 3072, 3)


def test_text_named_jpg(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    path.write_text("this is no picture " * 50)
    refused(path, "neither a picture nor a clip by its first bytes")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"\0\0\0\x18ftypheic" + b"\0" * 100, "HEIC or AVIF"),
        (b"GIF89a" + b"\0" * 100, "GIF or BMP"),
        (b"#EXTM3U\nhttp://127.0.0.1/x.ts", "neither a picture nor a clip"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "the JPEG is damaged or cut off"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "the PNG is damaged or cut off"),
        (b"RIFF\xff\xff\0\0WEBPVP8 " + b"\0" * 100, "the WEBP is damaged or cut off"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 100, "the clip cannot be decoded"),
    ],
)
def test_other_contents(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "p.jpg"
    path.write_bytes(content)
    with pytest.raises(MediaError, match=reason):
        decoded(path)


def test_a_missing_file(tmp_path: Path) -> None:
    refused(tmp_path / "p.jpg", "no such file")


def test_a_folder(tmp_path: Path) -> None:
    (tmp_path / "p.jpg").mkdir()
    with pytest.raises(MediaError, match="a folder"):
        open_media(tmp_path / "p.jpg", tmp_path)


def test_a_picture_cut_in_half(tmp_path: Path) -> None:
    whole = cv2.imencode(".jpg", PICTURE)[1].tobytes()
    path = tmp_path / "p.jpg"
    path.write_bytes(whole[: len(whole) // 2])
    refused(path, "damaged or cut off")


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png(50_000, 50_000, bytes(1_000_000)))
    refused(path, r"50000×50000 pixels, at most 64 million are read")


def test_a_tiny_picture(tmp_path: Path) -> None:
    refused(save_picture(tmp_path / "p.png", PICTURE[:32, :32]), "32×32 pixels are too few")


def test_a_picture_of_too_many_bytes(tmp_path: Path) -> None:
    path = tmp_path / "p.jpg"
    with path.open("wb") as file:
        file.write(b"\xff\xd8\xff\xe0")
        file.truncate(60_000_000)  # sparse: no such bytes are written
    refused(path, "60 MB, at most 50 MB are read")


@pytest.mark.slow
def test_decoding_takes_no_memory_of_this_process(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    path.write_bytes(png(7000, 7000, bytes((7000 * 3 + 1) * 7000)))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    assert picture(opened(path)).shape == (3072, 3072, 3)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 150_000  # kB; the picture has 147 MB


def test_a_clip_at_another_rate_keeps_its_time(tmp_path: Path) -> None:
    frames = [np.full((128, 160, 3), 4 * index, np.uint8) for index in range(60)]
    media = opened(save_clip(tmp_path / "c.mp4", frames, rate=50))
    small, scale = scan(media)
    assert small.shape == (15, 128, 160, 3)  # 1.2 s, every second of 25 a second
    assert scale == 1
    np.testing.assert_allclose(small.mean(axis=(1, 2, 3)), 4 * 4 * np.arange(15), atol=6)


def test_a_part_of_a_clip_is_cut_out(tmp_path: Path) -> None:
    frame = np.zeros((128, 192, 3), np.uint8)
    frame[32:96, 64:128] = 200
    media = opened(save_clip(tmp_path / "c.mp4", [frame] * 30))
    part = stretch(media, 5, 10, (64.0, 32.0, 64.0), 128)
    assert part.shape == (10, 128, 128, 3)
    np.testing.assert_allclose(part[:, 4:-4, 4:-4], 200, atol=4)


def test_an_endless_clip(tmp_path: Path) -> None:
    media = opened(save_clip(tmp_path / "c.mp4", [np.zeros((64, 64, 3), np.uint8)] * 650, rate=10))
    with pytest.raises(MediaError, match="lasts longer than 60 s; cut it"):
        scan(media)


@pytest.mark.parametrize("fragments", [False, True], ids=["index at the end", "in fragments"])
def test_a_clip_cut_off(tmp_path: Path, fragments: bool) -> None:
    frames = [np.roll(PICTURE, 5 * index, 1) for index in range(30)]
    path = save_clip(tmp_path / "c.mp4", frames, fragments=fragments)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(MediaError, match=r"cut off"):
        scan(opened(path))
