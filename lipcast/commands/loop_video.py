"""A presenter's idle loop as an MP4 without sound: H.264, no metadata. Knows no engine.

A loop's last frame leads to its first, but the encoder does not know it: what it leaves out of one and what it leaves
out of the other differ, and that is seen as a twitch each time round. So the first frame is given many more bits, and
the last frames ever more: what is left out shrinks to nothing by and by, and at the seam there is none.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from itertools import pairwise

import av
import numpy as np
from numpy.typing import NDArray

# Finer than a film needs: a speaking mouth is drawn from these pictures, sharpened by the eye that looks at it.
QUALITY: Mapping[str, str] = {"crf": "17", "preset": "medium", "profile": "high"}
RISE, STEPS = 0.2, 10  # part of the loop over which bits rise to the seam, and in how many steps
MOST = 8.0  # times the usual bits at the seam: more brought nothing


def encode_loop(
    frames: Iterable[NDArray[np.uint8]], count: int, frame_rate: int, quality: Mapping[str, str] = QUALITY
) -> bytes:
    """frames: count pictures (height, width, 3) uint8 RGB, all of one even size. quality: x264's options.

    Raises:
        ValueError: there are more or fewer than count frames, or none.
    """
    buffer = io.BytesIO()
    given = 0
    with av.open(buffer, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frame_rate)
        stream.pix_fmt = "yuv420p"
        stream.options = {**quality, "x264-params": f"zones={_zones(count)}"}
        for given, frame in enumerate(frames, start=1):
            if given == 1:
                stream.height, stream.width = frame.shape[:2]
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        if given != count or not given:
            raise ValueError(f"expected {max(count, 1)} frames of a loop, got {given}")
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _zones(count: int) -> str:
    """x264's zones: first and last frame of each, and how many times the usual bits it gets."""
    edges = [count - round(count * RISE * (STEPS - step) / STEPS) for step in range(STEPS + 1)]
    zones = [(0, 0, MOST)]
    for step, (first, after) in enumerate(pairwise(edges), start=1):
        if max(first, 1) < after:
            zones.append((max(first, 1), after - 1, MOST ** (step / STEPS)))
    return "/".join(f"{first},{last},b={bits:.2f}" for first, last, bits in zones)
