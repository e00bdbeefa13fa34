"""Clips side by side, for the eye: a sheet of stills and a video. Knows no engine."""

from __future__ import annotations

from itertools import chain
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

FRAME_RATE = 25
MOMENTS = 3  # of each clip on the sheet: the widest, a middling and the narrowest change from rest
SCALE = 2  # of the video's pictures
CAPTION = 18  # pixels above each column

Pictures = NDArray[np.uint8]
Shown = list[dict[str, Pictures]]  # clips; in each the pictures (T, S, S, 3) by engine, in the columns' order


def save_sheet(path: Path, shown: Shown) -> None:
    """Rows: frames of clips; columns: engines."""
    rows = [
        np.concatenate([pictures[t] for pictures in clip.values()], axis=1) for clip in shown for t in _moments(clip)
    ]
    sheet = np.concatenate([_captions(list(shown[0]), shown[0]["truth"].shape[2]), *rows])
    path.parent.mkdir(parents=True, exist_ok=True)
    if not cv2.imwrite(str(path), sheet[..., ::-1]):
        raise OSError(f"{path}: cannot be written; name a PNG file in a folder that exists")


def save_video(path: Path, shown: Shown) -> None:
    """One clip after the other, engines side by side."""
    path.parent.mkdir(parents=True, exist_ok=True)
    frames = (_beside(clip, t) for clip in shown for t in range(len(clip["truth"])))
    first = next(frames)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE, options={"crf": "18"})
        stream.height, stream.width, stream.pix_fmt = *first.shape[:2], "yuv420p"
        for frame in chain([first], frames):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode())


def _beside(clip: dict[str, Pictures], t: int) -> Pictures:
    """Frame t of every engine, larger, with names above."""
    row = np.concatenate([pictures[t] for pictures in clip.values()], axis=1)
    frame = np.concatenate([_captions(list(clip), clip["truth"].shape[2]), row])
    return np.asarray(cv2.resize(frame, None, fx=SCALE, fy=SCALE, interpolation=cv2.INTER_CUBIC), np.uint8)


def _moments(clip: dict[str, Pictures]) -> list[int]:
    """Frames in which the truth differs most from rest, least, and in the middle."""
    change = np.abs(clip["truth"].astype(np.int16) - clip["at rest"]).mean(axis=(1, 2, 3))
    order = np.argsort(change)
    return [int(order[place]) for place in np.linspace(len(order) - 1, 0, MOMENTS).astype(int)]


def _captions(names: list[str], side: int) -> Pictures:
    strip = np.full((CAPTION, side * len(names), 3), 255, np.uint8)
    for column, name in enumerate(names):
        place = (column * side + 3, CAPTION - 6)
        cv2.putText(strip, name, place, cv2.FONT_HERSHEY_SIMPLEX, 0.32, (0, 0, 0), 1, cv2.LINE_AA)
    return strip
