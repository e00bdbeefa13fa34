"""What a file is by its first bytes, and how large a picture says it is. Knows no decoder and trusts no file name."""

from __future__ import annotations

import struct
from pathlib import Path

from engines.face.enrolment.errors import MediaError

GIVE = "give a JPEG, PNG or WebP picture, or an MP4, MOV, WebM or MKV clip"
PICTURE_BYTES = 50_000_000
CLIP_BYTES = 500_000_000
PICTURE_PIXELS = 64_000_000  # what the largest phone cameras take
LEAST_SIDE = 64  # pixels
HEAD = 64  # bytes that tell the kind

STILL_BRANDS = (b"heic", b"heix", b"mif1", b"msf1", b"avif", b"avis")  # of the family of MP4, but pictures

# JPEG's start-of-frame markers; C4, C8 and CC are of other things.
FRAME_MARKERS = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


def kind_of(path: Path) -> str:
    """ "jpeg", "png", "webp" or "clip".

    Raises:
        MediaError: no file, an empty one, one of another kind, or more bytes than such a file needs.
    """
    if not path.is_file():
        raise MediaError(f"{path}: {'a folder' if path.is_dir() else 'no such file'}; {GIVE}")
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.read(HEAD)
    kind = _kind(head)
    if not kind:
        raise MediaError(f"{path}: {_what(head)}; {GIVE}")
    most = CLIP_BYTES if kind == "clip" else PICTURE_BYTES
    if size > most:
        fix = "cut it to a few seconds" if kind == "clip" else "save it smaller"
        raise MediaError(f"{path}: {size / 1e6:.0f} MB, at most {most / 1e6:.0f} MB are read; {fix}")
    return kind


def check_picture(path: Path, kind: str) -> None:
    """Whether a picture is whole and of a sane size, from its headers alone.

    Raises:
        MediaError: it is cut off, or too many or too few pixels.
    """
    content = path.read_bytes()
    size = {"jpeg": _jpeg_size, "png": _png_size, "webp": _webp_size}[kind](content)
    if size is None:
        raise MediaError(f"{path}: the {kind.upper()} is damaged or cut off; export or download it again")
    width, height = size
    if width * height > PICTURE_PIXELS:
        most = PICTURE_PIXELS // 1_000_000
        raise MediaError(f"{path}: {width}×{height} pixels, at most {most} million are read; save it smaller")
    if min(width, height) < LEAST_SIDE:
        raise MediaError(f"{path}: {width}×{height} pixels are too few for a portrait; give a larger picture")


def _kind(head: bytes) -> str:
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    movie = head[4:8] == b"ftyp" and head[8:12] not in STILL_BRANDS
    return "clip" if movie or head.startswith(b"\x1a\x45\xdf\xa3") else ""


def _what(head: bytes) -> str:
    if not head:
        return "the file is empty"
    if head[4:8] == b"ftyp":
        return "a HEIC or AVIF picture, which cannot be read"
    if head.startswith((b"GIF8", b"BM")):
        return "a GIF or BMP picture, which is not read"
    return "neither a picture nor a clip by its first bytes"


def _png_size(content: bytes) -> tuple[int, int] | None:
    if content[12:16] != b"IHDR" or b"IEND" not in content[-64:] or len(content) < 33:
        return None
    width, height = struct.unpack(">II", content[16:24])
    return width, height


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
