"""A user's picture or clip as plain pixels, decoded at arm's length. Knows nothing of faces."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.errors import MediaError
from engines.face.enrolment.file_kinds import check_picture, kind_of
from engines.face.enrolment.limited import ChildError, ask

FRAME_RATE = 25
CLIP_S = 60  # the longest clip
PICTURE_SIDE = 3072  # pixels; larger pictures are shrunk
SCAN_SIDE = 480  # pixels of the frames in which a clip's calm part is looked for
SCAN_STEP = 2  # every second frame does for that

Frames = NDArray[np.uint8]

_CHILD = "engines.face.enrolment.decode_child"


@dataclass(frozen=True, slots=True)
class Media:
    """A checked file. workspace: a folder that the decoded pixels may lie in as long as they are used."""

    path: Path
    is_clip: bool
    workspace: Path


def open_media(path: Path, workspace: Path) -> Media:
    """
    Raises:
        MediaError: by its first bytes and headers the file is nothing that can be used.
    """
    kind = kind_of(path)
    if kind != "clip":
        check_picture(path, kind)
    return Media(path, kind == "clip", workspace)


def picture(media: Media) -> Frames:
    """(height, width, 3) uint8 RGB, upright, at most PICTURE_SIDE on its longer side.

    Raises:
        MediaError: it cannot be decoded.
    """
    frames, _ = _decode(media, "picture.raw", {"side": PICTURE_SIDE})
    return np.asarray(frames[0])


def scan(media: Media) -> tuple[Frames, float]:
    """Every SCAN_STEP-th frame of a clip, small: (n, h, w, 3), and how many times larger the clip is.

    Raises:
        MediaError: it cannot be decoded, is cut off or too long.
    """
    count = CLIP_S * FRAME_RATE // SCAN_STEP + 1  # one more than the longest has: the child sees that it goes on
    frames, full = _decode(media, "scan.raw", {"side": SCAN_SIDE, "step": SCAN_STEP, "start": 0, "count": count})
    return frames, max(full) / max(frames.shape[1:3])


def stretch(media: Media, start: int, count: int, box: tuple[float, float, float], side: int) -> Frames:
    """Count frames of a clip from its start-th on, the square box (left, top, side) of each: (n, side, side, 3).

    Raises:
        MediaError: it cannot be decoded.
    """
    return _decode(media, "stretch.raw", {"side": side, "step": 1, "start": start, "count": count, "box": box})[0]


def _decode(media: Media, name: str, request: Mapping[str, Any]) -> tuple[Frames, list[int]]:
    out = media.workspace / name
    common = {"path": str(media.path.resolve()), "clip": media.is_clip, "out": str(out)}
    limits = {"rate": FRAME_RATE, "seconds": CLIP_S}
    try:
        said = ask(_CHILD, {**common, **limits, **request})
    except ChildError as error:
        raise MediaError(f"{media.path}: {error}") from error
    frames: Frames = np.memmap(out, np.uint8, "r", shape=tuple(said["shape"]))
    return frames, said.get("full", said["shape"][1:3])
