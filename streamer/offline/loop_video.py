"""A presenter's idle loop as an MP4 without sound: H.264, no metadata. Knows no engine."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

# Finer than a film needs: a speaking mouth is drawn from these pictures, sharpened by the eye that looks at it.
QUALITY: dict[str, object] = {"crf": "17", "preset": "medium", "profile": "high"}


def write_loop(path: Path, frames: Iterable[NDArray[np.uint8]], frame_rate: int) -> None:
    """frames: (height, width, 3) uint8 RGB, all of one even size, at least one."""
    with av.open(str(path), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frame_rate)
        stream.pix_fmt = "yuv420p"
        stream.options = QUALITY
        for index, frame in enumerate(frames):
            if index == 0:
                stream.height, stream.width = frame.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        container.mux(stream.encode(None))
