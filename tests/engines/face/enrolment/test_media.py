"""Files of users: decoded upright and bare, or refused with a reason, in bounded time and memory."""

from __future__ import annotations

import resource
import zlib
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from engines.api import FRAME_RATE
from engines.face.enrolment.errors import MediaError
from engines.face.enrolment.media import SCAN_STEP, Decoded, Media, open_media, read_image, scan, stretch
from tests.engines.face.enrolment.faces import (
    clock,
    drawn,
    face,
    png,
    save_clip,
    save_picture,
    save_timed_clip,
    time_of,
    with_orientation,
)

PICTURE = drawn(face())
WALL = (10, 20, 240)


def opened(path: Path) -> Media:
    workspace = path.parent / "work"
    workspace.mkdir()
    return open_media(path, workspace)


def picture(media: Media) -> NDArray[np.uint8]:
    return np.asarray(read_image(media, WALL).frames[0])


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
    refused(path, "by its first bytes it is neither a picture nor a clip; give a JPEG")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty; give a JPEG, PNG, WebP, HEIC or AVIF picture"),
        (b"GIF89a" + b"\0" * 100, "GIF or BMP"),
        (b"#EXTM3U\nhttp://127.0.0.1/x.ts", "neither a picture nor a clip"),
        (b"\xff\xd8\xff\xe0" + b"\0" * 100, "the JPEG file is damaged or cut off"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 100, "the PNG file is damaged or cut off"),
        (b"RIFF\xff\xff\0\0WEBPVP8 " + b"\0" * 100, "the WEBP file is damaged or cut off"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 100, "the clip is cut off"),
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
    with pytest.raises(MediaError, match="this is a folder"):
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
    refused(path, "the file has 60 MB, at most 50 MB are read")


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
    small = scan(media).frames
    assert small.shape == (15, 128, 160, 3)  # 1.2 s, every second of 25 a second
    np.testing.assert_allclose(small.mean(axis=(1, 2, 3)), 4 * 4 * np.arange(15), atol=6)


def test_a_part_of_a_clip_is_cut_out(tmp_path: Path) -> None:
    frame = np.zeros((128, 192, 3), np.uint8)
    frame[32:96, 64:128] = 200
    media = opened(save_clip(tmp_path / "c.mp4", [frame] * 30))
    part = stretch(media, 5, 10, (64.0, 32.0, 64.0), 128).frames
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
    refused(path, "the clip is cut off: the file ends before its contents do")


def all_frames(media: Media, seconds: float) -> Decoded:
    height, width = clock(0).shape[:2]
    return stretch(media, 0, round(seconds * FRAME_RATE), ((width - height) / 2, 0.0, float(height)), height)


def uneven(seconds: float) -> list[float]:
    """A webcam's times: 30 frames a second falling to 15, none of them on the beat."""
    times, rng = [0.0], np.random.default_rng(1)
    while times[-1] < seconds:
        gap = 1 / (30 - 15 * min(times[-1] / seconds * 2, 1.0))
        times.append(round(times[-1] + gap + rng.uniform(-0.008, 0.008), 3))
    return times[:-1]


def test_a_browsers_recording_without_a_rate_keeps_its_time(tmp_path: Path) -> None:
    times = uneven(6.0)
    media = opened(save_timed_clip(tmp_path / "c.webm", [clock(time) for time in times], times))
    found = all_frames(media, 5.8)
    assert found.notes == ()
    shown = [time_of(frame) for frame in found.frames]
    np.testing.assert_allclose(shown, np.arange(len(shown)) / FRAME_RATE, atol=0.12)
    small = scan(media)
    assert len(small.frames) * SCAN_STEP / FRAME_RATE == pytest.approx(6.0, abs=0.1)


def test_a_phones_clip_whose_rate_changes_runs_at_real_speed_throughout(tmp_path: Path) -> None:
    times = [*np.arange(60) / 30, *(2 + np.arange(40) / 10)]
    media = opened(save_timed_clip(tmp_path / "c.mp4", [clock(time) for time in times], times, "libx264"))
    shown = [time_of(frame) for frame in all_frames(media, 5.9).frames]
    np.testing.assert_allclose(shown, np.arange(len(shown)) / FRAME_RATE, atol=0.15)


def test_a_clip_may_begin_at_any_time(tmp_path: Path) -> None:
    times = list(np.arange(50) / 25)
    path = save_timed_clip(tmp_path / "c.webm", [clock(time) for time in times], [7.3 + time for time in times])
    shown = [time_of(frame) for frame in all_frames(opened(path), 2.0).frames]
    np.testing.assert_allclose(shown, times, atol=0.1)


def test_what_is_missing_in_a_recording_is_known_as_a_gap(tmp_path: Path) -> None:
    times = [*np.arange(30) / 25, *(3 + np.arange(30) / 25)]
    found = all_frames(opened(save_timed_clip(tmp_path / "c.webm", [clock(time) for time in times], times)), 4.2)
    held = found.held(0, 1)
    assert not held[:36].any()
    assert held[40:74].all()
    assert not held[76:].any()


def test_frames_that_repeat_are_known_by_their_time(tmp_path: Path) -> None:
    times = list(np.arange(30) / 10)
    found = all_frames(opened(save_timed_clip(tmp_path / "c.webm", [clock(time) for time in times], times)), 2.9)
    assert len(np.unique(found.times)) == 29


def test_damaged_frames_are_skipped_and_counted(tmp_path: Path) -> None:
    path = save_clip(tmp_path / "c.mp4", [np.roll(PICTURE, 3 * at, 1) for at in range(100)])
    with av.open(str(path)) as container:
        packets = [(packet.pos or 0, packet.size) for packet in container.demux(video=0) if packet.size]
    content = bytearray(path.read_bytes())
    for at, size in packets[51:54]:
        content[at : at + size] = b"\xff" * size
    path.write_bytes(content)
    found = scan(opened(path))
    assert len(found.frames) >= 45
    assert found.notes == (f"{path}: the clip is damaged: 3 frames could not be decoded and were skipped",)


def turned_clip(path: Path, quarter: int) -> Path:
    """An MP4 whose header says that it is to be turned, as a phone held upright writes it."""
    frame = np.zeros((128, 192, 3), np.uint8)
    frame[:40, :60] = 220  # top left as it lies in the file
    save_clip(path, [frame] * 25)
    content = bytearray(path.read_bytes())
    cos, sin = ((1, 0), (0, 1), (-1, 0), (0, -1))[quarter]
    at = content.find(b"tkhd") + 44
    for number, value in enumerate((cos, sin, None, -sin, cos)):
        if value is not None:
            content[at + 4 * number : at + 4 * number + 4] = (value << 16).to_bytes(4, "big", signed=True)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(("quarter", "corner"), [(0, (0, 0)), (1, (0, 1)), (2, (1, 1)), (3, (1, 0))])
def test_a_clip_is_turned_upright(tmp_path: Path, quarter: int, corner: tuple[int, int]) -> None:
    found = scan(opened(turned_clip(tmp_path / "c.mp4", quarter)))
    assert found.size == ((128, 192) if quarter % 2 else (192, 128))
    frame = found.frames[0]
    row, column = (0 if at == 0 else side - 1 for at, side in zip(corner, frame.shape[:2], strict=True))
    assert frame[row, column].min() > 200
    assert frame.mean() < 60


def test_a_clip_with_sound_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=48_000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
        samples.sample_rate = 48_000
        container.mux(stream.encode(samples))
        container.mux(stream.encode(None))
    refused(path, "the file has sound but no picture; give a clip of the person's face")


def test_bytes_after_a_pngs_end_do_no_harm(tmp_path: Path) -> None:
    path = save_picture(tmp_path / "p.png", PICTURE)
    path.write_bytes(path.read_bytes() + bytes(range(200)))
    np.testing.assert_array_equal(picture(opened(path)), PICTURE)


def cut_out(kind: str, depth: type[np.unsignedinteger] = np.uint8) -> bytes:
    """PICTURE with its left half transparent, and something in it that must not be seen."""
    top = np.iinfo(depth).max
    alpha = np.full(PICTURE.shape[:2], top, depth)
    alpha[:, :256] = 0
    hidden = PICTURE.astype(depth) * (top // 255)
    hidden[:, :256] = np.array([top, 0, top])
    options = [cv2.IMWRITE_WEBP_QUALITY, 101] if kind == ".webp" else []
    return cv2.imencode(kind, np.dstack([hidden[..., ::-1], alpha]), options)[1].tobytes()


@pytest.mark.parametrize(("kind", "depth"), [(".png", np.uint8), (".png", np.uint16), (".webp", np.uint8)])
def test_what_is_transparent_becomes_the_background(tmp_path: Path, kind: str, depth: type[np.unsignedinteger]) -> None:
    path = tmp_path / f"p{kind}"
    path.write_bytes(cut_out(kind, depth))
    found = read_image(opened(path), WALL)
    assert (found.frames[0, :, :256] == WALL).all()
    np.testing.assert_array_equal(found.frames[0, :, 256:], PICTURE[:, 256:])
    assert found.notes == (
        f"{path}: the picture has transparent parts; they were filled with #0a14f0 (--background sets the colour)",
    )


def test_half_transparent_edges_are_mixed(tmp_path: Path) -> None:
    image = np.full((100, 100, 4), 200, np.uint8)
    image[..., 3] = 51
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), image)
    assert tuple(read_image(opened(path), WALL).frames[0, 50, 50]) == (48, 56, 232)


def test_transparency_lies_as_the_picture_does_when_it_is_turned_upright(tmp_path: Path) -> None:
    exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0"
    content = cut_out(".png")
    chunk = b"eXIf" + exif
    marked = len(exif).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
    path = tmp_path / "p.png"
    path.write_bytes(content[:33] + marked + content[33:])
    found = read_image(opened(path), WALL).frames[0]
    upper = np.rot90(PICTURE, -1)
    if tuple(found[0, 0]) != WALL:  # this OpenCV does not follow a PNG's orientation: it lies as it was
        upper = PICTURE
    assert ((found == WALL).all(axis=2) | (found == upper).all(axis=2)).all()
    assert (found == WALL).all(axis=2).mean() == pytest.approx(0.5, abs=0.01)


def test_a_picture_without_transparent_parts_has_nothing_to_say(tmp_path: Path) -> None:
    path = tmp_path / "p.png"
    cv2.imwrite(str(path), np.dstack([PICTURE, np.full(PICTURE.shape[:2], 255, np.uint8)]))
    assert read_image(opened(path), WALL).notes == ()
