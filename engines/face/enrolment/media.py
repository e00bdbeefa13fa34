"""A user's picture or clip as plain pixels: recognised by its bytes, checked by its headers, decoded in a child.

The file's name is not trusted, and no decoder runs in this process. A clip's time comes from its timestamps alone: it
is resampled to FRAME_RATE, whatever rate the file declares and however its rate changes.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.api import FRAME_RATE
from engines.arrays import F64, U8
from engines.face.enrolment.errors import MediaError
from engines.face.enrolment.sandbox import ChildError, ask

CLIP_S = 60  # the longest clip
IMAGE_SIDE = 3072  # pixels; larger pictures are shrunk
SCAN_SIDE = 480  # pixels of the frames in which a clip's calm part is looked for
SCAN_STEP = 2  # every second frame does for that
HELD_S = 0.25  # a frame that stands longer is a gap in the recording: fewer than 4 frames a second

GIVE = "give a JPEG, PNG, WebP, HEIC or AVIF picture, or an MP4, MOV, WebM or MKV clip"
IMAGE_BYTES = 50_000_000
CLIP_BYTES = 500_000_000
IMAGE_PIXELS = 64_000_000  # what the largest phone cameras take
LEAST_SIDE = 64  # pixels
HEAD = 64  # bytes that tell the kind

CLIPS = ("mp4", "matroska")
HEIF_BRANDS = {
    b"heic": "heic",
    b"heix": "heic",
    b"heim": "heic",
    b"heis": "heic",
    b"mif1": "heic",
    b"msf1": "heic",
    b"avif": "avif",
    b"avis": "avif",
}
HEIF_MODULES = {"heic": ("PIL", "pillow_heif"), "avif": ("PIL",)}  # what reads them: the extra `heif`

# JPEG's start-of-frame markers; C4, C8 and CC are of other things.
FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
MATROSKA, SEGMENT = b"\x1a\x45\xdf\xa3", b"\x18\x53\x80\x67"

Background = tuple[int, int, int]

_IMAGE_CHILD = "engines.face.enrolment.decode_image_child"
_CLIP_CHILD = "engines.face.enrolment.decode_clip_child"


@dataclass(frozen=True, slots=True)
class Media:
    """A checked file. workspace: a folder in which the decoded pixels may lie as long as they are used."""

    path: Path
    kind: str
    workspace: Path

    @property
    def is_clip(self) -> bool:
        return self.kind in CLIPS


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """frames: (n, h, w, 3) uint8 RGB, upright. size: width and height of the file's upright picture, pixels.

    times: (n,) seconds, when the file's frame that each was made of begins. notes: what the user should know.
    """

    frames: U8
    size: tuple[int, int]
    times: F64
    notes: tuple[str, ...]

    def held(self, first: int, step: int) -> NDArray[np.bool_]:
        """(n,): frames inside a gap of the recording. first, step: numbers of the frames at FRAME_RATE."""
        return np.asarray((first + step * np.arange(len(self.times))) / FRAME_RATE - self.times > HELD_S)


def open_media(path: Path, workspace: Path, installed: Callable[[str], object] = find_spec) -> Media:
    """
    Raises:
        MediaError: by its first bytes and headers the file is nothing that can be used, or a library for it is missing.
    """
    kind = kind_of(path)
    if kind in CLIPS:
        check_clip(path, kind)
    elif kind in HEIF_MODULES:
        check_library(path, kind, installed)
    else:
        check_image(path, kind)
    return Media(path, kind, workspace)


def read_image(media: Media, background: Background) -> Decoded:
    """The picture, at most IMAGE_SIDE on its longer side; background: behind what is transparent.

    Raises:
        MediaError: it cannot be decoded.
    """
    request = {"kind": media.kind, "side": IMAGE_SIDE, "background": background, "pixels": IMAGE_PIXELS}
    return _decode(media, _IMAGE_CHILD, "image.raw", request)


def scan(media: Media) -> Decoded:
    """Every SCAN_STEP-th frame of a clip, at most SCAN_SIDE on the longer side.

    Raises:
        MediaError: it cannot be decoded or is too long.
    """
    count = CLIP_S * FRAME_RATE // SCAN_STEP + 1  # one more than the longest has: the child sees that it goes on
    return _decode(media, _CLIP_CHILD, "scan.raw", {"side": SCAN_SIDE, "step": SCAN_STEP, "start": 0, "count": count})


def stretch(media: Media, start: int, count: int, box: tuple[float, float, float], side: int) -> Decoded:
    """Count frames of a clip at FRAME_RATE from the start-th on, the square box (left, top, side) of each.

    Raises:
        MediaError: it cannot be decoded.
    """
    request = {"side": side, "step": 1, "start": start, "count": count, "box": box}
    return _decode(media, _CLIP_CHILD, "stretch.raw", request)


def _decode(media: Media, child: str, name: str, request: Mapping[str, Any]) -> Decoded:
    out = media.workspace / name
    limits = {"rate": FRAME_RATE, "seconds": CLIP_S, "container": media.kind}
    try:
        reply = ask(child, {"path": str(media.path.resolve()), "out": str(out), **limits, **request})
    except ChildError as error:
        raise MediaError(f"{media.path}: {error}") from error
    frames: U8 = np.memmap(out, np.uint8, "r", shape=tuple(reply["shape"]))
    width, height = reply["size"]
    notes = tuple(f"{media.path}: {note}" for note in reply["notes"])
    return Decoded(frames, (width, height), np.array(reply["times"], np.float64), notes)


def kind_of(path: Path) -> str:
    """One of "jpeg", "png", "webp", "heic", "avif", "mp4" and "matroska".

    Raises:
        MediaError: no file, an empty one, one of another kind, or more bytes than such a file needs.
    """
    if not path.is_file():
        raise MediaError(f"{path}: {'this is a folder' if path.is_dir() else 'no such file'}; {GIVE}")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
    kind = _kind(head)
    if not kind:
        raise MediaError(f"{path}: {_description(head)}; {GIVE}")
    most = CLIP_BYTES if kind in CLIPS else IMAGE_BYTES
    if size > most:
        fix = "cut it to a few seconds" if kind in CLIPS else "save it smaller"
        raise MediaError(f"{path}: the file has {size / 1e6:.0f} MB, at most {most / 1e6:.0f} MB are read; {fix}")
    return kind


def _kind(head: bytes) -> str:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp":
        return _heif(head) or "mp4"
    return "matroska" if head.startswith(MATROSKA) else ""


def _heif(head: bytes) -> str:
    """A file of the family of MP4 that holds a picture. Its major brand may be a general one, the next ones are not."""
    brands = [head[8:12], *(head[at : at + 4] for at in range(16, min(len(head), _u32(head, 0)), 4))]
    if brands[0] not in HEIF_BRANDS:
        return ""
    return "avif" if b"avif" in brands else HEIF_BRANDS[brands[0]]


def _description(head: bytes) -> str:
    if not head:
        return "the file is empty"
    if head.startswith((b"GIF8", b"BM")):
        return "this is a GIF or BMP picture, which is not read"
    return "by its first bytes it is neither a picture nor a clip"


def check_library(path: Path, kind: str, installed: Callable[[str], object]) -> None:
    """
    Raises:
        MediaError: the libraries that read HEIC and AVIF are not installed.
    """
    missing = [module for module in HEIF_MODULES[kind] if not installed(module)]
    if missing:
        raise MediaError(
            f"{path}: this is a {kind.upper()} picture, and {' and '.join(missing)} to read it is not installed; "
            "install it with `pip install -e '.[heif]'`, or save the picture as JPEG"
        )


def check_image(path: Path, kind: str) -> None:
    """Whether a picture is whole and of a sane size, from its headers alone.

    Raises:
        MediaError: it is cut off, or has too many or too few pixels.
    """
    content = path.read_bytes()
    size = {"jpeg": _jpeg_size, "png": _png_size, "webp": _webp_size}[kind](content)
    if size is None:
        raise MediaError(f"{path}: the {kind.upper()} file is damaged or cut off; export or download it again")
    width, height = size
    if width * height > IMAGE_PIXELS:
        most = IMAGE_PIXELS // 1_000_000
        raise MediaError(f"{path}: {width}×{height} pixels, at most {most} million are read; save it smaller")
    if min(width, height) < LEAST_SIDE:
        raise MediaError(f"{path}: {width}×{height} pixels are too few for a portrait; give a larger picture")


def check_clip(path: Path, kind: str) -> None:
    """Whether a clip's outermost boxes lie inside the file. Neither rates nor durations are believed.

    Raises:
        MediaError: the file ends before its contents do.
    """
    whole = _mp4_whole(path) if kind == "mp4" else _matroska_whole(path)
    if not whole:
        raise MediaError(
            f"{path}: the clip is cut off: the file ends before its contents do; "
            "copy or download it again, or record a new one and stop it before you take the file"
        )


def _mp4_whole(path: Path) -> bool:
    """Boxes: size, name, content (ISO/IEC 14496-12, 4.2). There must be an index, and the last box must end."""
    end, at, names = path.stat().st_size, 0, set()
    with path.open("rb") as file:
        while at + 8 <= end:
            file.seek(at)
            head = file.read(16)
            size, name = _u32(head, 0), head[4:8]
            if size == 1 and len(head) == 16:
                (size,) = struct.unpack(">Q", head[8:16])
            size = size or end - at  # 0: to the file's end
            if size < 8:
                return bool(b"moov" in names)  # not a box: something was appended
            names.add(name)
            at += size
    return b"moov" in names and at <= end


def _matroska_whole(path: Path) -> bool:
    """The segment must end inside the file, if it says where it ends (RFC 8794, 6.2); a live recording does not."""
    with path.open("rb") as file:
        head = file.read(4096)
    at = head.find(SEGMENT, 4)
    if at < 0 or at + 12 >= len(head):
        return at >= 0
    length = 9 - head[at + 4].bit_length()  # of the size, in bytes: the leading zeros of the first say it
    size = int.from_bytes(head[at + 4 : at + 4 + length], "big") - (1 << 7 * length)
    return size == (1 << 7 * length) - 1 or at + 4 + length + size <= path.stat().st_size


def _png_size(content: bytes) -> tuple[int, int] | None:
    """Size from the header; None without one, or when the end is missing. What follows the end is not read."""
    at, size = 8, None
    while at + 12 <= len(content):
        length, name = _u32(content, at), content[at + 4 : at + 8]
        if name == b"IHDR" and length >= 8:
            size = _u32(content, at + 8), _u32(content, at + 12)
        if name == b"IEND":
            return size
        at += 12 + length
    return None


def _jpeg_size(content: bytes) -> tuple[int, int] | None:
    """Size from the frame header; None without one, or when no end follows it."""
    at = 2
    while at + 9 < len(content) and content[at] == 0xFF:
        marker = content[at + 1]
        if marker in FRAME_MARKERS:
            height, width = struct.unpack(">HH", content[at + 5 : at + 9])
            return (width, height) if content.rfind(b"\xff\xd9") > at else None
        if marker == 0xFF:  # a fill byte
            at += 1
        else:
            at += 2 + int(struct.unpack(">H", content[at + 2 : at + 4])[0])
    return None


def _webp_size(content: bytes) -> tuple[int, int] | None:
    (declared,) = struct.unpack("<I", content[4:8])
    chunk, body = content[12:16], content[20:30]
    if declared + 8 > len(content) or len(body) < 10:
        return None
    if chunk == b"VP8X":
        return 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
    if chunk == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    if chunk == b"VP8 ":
        width, height = struct.unpack("<HH", body[6:10])
        return width & 0x3FFF, height & 0x3FFF
    return None


def clock_text(seconds: float) -> str:
    """3.4 → "0:03"."""
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"


def _u32(content: bytes, at: int) -> int:
    return int.from_bytes(content[at : at + 4], "big")
