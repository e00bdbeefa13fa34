"""Faces made of numbers: the canonical one, seen by a known camera, and pictures and files for the tests."""

from __future__ import annotations

import io
import struct
import zlib
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.canonical import canonical_mouth
from engines.face.enrolment.landmarks import FaceLandmarks, place

MODEL = Path(__file__).parents[5] / "shared" / "models" / "face_landmarker.task"  # beside the project

Picture = NDArray[np.uint8]

SCALE = 110.0  # pixels of an inter-ocular distance
MIDDLE = (256.0, 300.0)  # of the lips, pixels
SKIN, LIP, SEAM, WHITE = (205, 160, 140), (170, 80, 85), (90, 45, 45), (235, 235, 235)


def turned(yaw: float, pitch: float = 0.0, roll: float = 0.0) -> NDArray[np.float64]:
    """(3, 3) in x right, y down, z towards the viewer; degrees; yaw > 0 looks to the right of the picture."""
    a, b, c = np.radians([yaw, pitch, roll])
    turn = np.array([[np.cos(a), 0, np.sin(a)], [0, 1, 0], [-np.sin(a), 0, np.cos(a)]])
    nod = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    lean = np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    return np.asarray(lean @ nod @ turn)


def face(yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0, scale: float = SCALE) -> FaceLandmarks:
    """The canonical face, turned, its lips closed."""
    points = canonical_mouth().landmarks @ turned(yaw, pitch, roll).T
    return FaceLandmarks(scale * points[:, :2] + MIDDLE)


def parted(of: FaceLandmarks, gap: float) -> FaceLandmarks:
    """The same face with its lips apart by gap pixels in the middle."""
    points = of.points.copy()
    arch = gap * np.sin(np.linspace(0, np.pi, 11))
    points[place("lip_inner_lower"), 1] = points[place("lip_inner_upper"), 1] + arch
    points[place("lip_outer_lower"), 1] += arch
    return FaceLandmarks(points)


def drawn(of: FaceLandmarks, size: int = 512) -> Picture:
    """A plain picture of a face: skin, lips, whites of the eyes, and grain."""
    image = np.full((size, size, 3), (70, 90, 110), np.uint8)
    jaw = np.concatenate([of.curve("jaw"), of.curve("right_brow")[::-1], of.curve("left_brow")[::-1]])
    _fill(image, jaw, SKIN)
    for name, colour in (("lip_outer", LIP), ("left_eye", WHITE), ("right_eye", WHITE)):
        _fill(image, np.concatenate([of.curve(f"{name}_upper"), of.curve(f"{name}_lower")[-2:0:-1]]), colour)
    seam = np.concatenate([of.curve("lip_inner_upper")[None], of.curve("lip_inner_lower")[None]]).mean(axis=0)
    if of.mouth_gap < 2:
        cv2.polylines(image, [np.rint(seam).astype(np.int32)], False, SEAM, 3, cv2.LINE_AA)
    else:
        _fill(image, np.concatenate([of.curve("lip_inner_upper"), of.curve("lip_inner_lower")[-2:0:-1]]), WHITE)
    grain = np.random.default_rng(0).integers(-6, 7, image.shape)
    return np.clip(image.astype(int) + grain, 0, 255).astype(np.uint8)


class KnownFaces:
    """A finder that knows the answer."""

    def __init__(self, *faces: FaceLandmarks) -> None:
        self._faces = list(faces)

    def find(self, frames: NDArray[np.uint8]) -> list[list[FaceLandmarks]]:
        return [list(self._faces) for _ in frames]


def save_picture(path: Path, picture: Picture) -> Path:
    cv2.imwrite(str(path), picture[..., ::-1])
    return path


def save_clip(path: Path, frames: list[Picture], rate: int = 25, fragments: bool = False) -> Path:
    buffer = io.BytesIO()
    options = {"movflags": "frag_keyframe+empty_moov"} if fragments else {}
    with av.open(buffer, "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=rate)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"preset": "ultrafast", "g": "10"}
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(buffer.getvalue())
    return path


def save_timed_clip(path: Path, frames: list[Picture], times: list[float], codec: str = "libvpx") -> Path:
    """Frames at any times (seconds), in a file that declares no rate: as a browser or a phone records it."""
    live = path.suffix == ".webm"
    with av.open(str(path), "w", options={"live": "1"} if live else {}) as container:
        stream: Any = container.add_stream(codec, rate=1000)
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.codec_context.time_base = Fraction(1, 1000)
        stream.options = {"deadline": "realtime", "crf": "10", "b": "2M"} if live else {"preset": "ultrafast"}
        for frame, time in zip(frames, times, strict=True):
            encoded = av.VideoFrame.from_ndarray(frame, format="rgb24")
            encoded.pts, encoded.time_base = round(1000 * time), Fraction(1, 1000)
            container.mux(stream.encode(encoded))
        container.mux(stream.encode(None))
    return path


def clock(time: float, lasts: float = 10.0) -> Picture:
    """A frame whose grey says when it is seen."""
    return np.full((96, 128, 3), round(20 + 200 * time / lasts), np.uint8)


def time_of(frame: Picture, lasts: float = 10.0) -> float:
    """What such a frame says."""
    return float((frame.astype(np.float64).mean() - 20) / 200 * lasts)


def png(width: int, height: int, pixels: bytes) -> bytes:
    """A PNG that says it has width × height pixels and holds these bytes, compressed."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(pixels, 9)), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def with_orientation(jpeg: bytes, orientation: int) -> bytes:
    """The JPEG with an EXIF orientation and a comment that nobody should see again."""
    exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0" + bytes([orientation]) + b"\0\0\0\0\0\0\0"
    marks = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + b"\xff\xfe" + struct.pack(">H", 8) + b"SECRET"
    return jpeg[:2] + marks + jpeg[2:]


def _fill(image: Picture, outline: NDArray[np.float64], colour: tuple[int, int, int]) -> None:
    cv2.fillPoly(image, [np.rint(outline).astype(np.int32)], colour, cv2.LINE_AA)
