"""The child process that decodes a clip into plain frames at an even rate; see media. Faces are found elsewhere.

Only pixels leave it: positions, camera names and thumbnails that the file holds stay behind.

The time of a frame is its timestamp. Rates, durations and numbers of frames that a file declares are not used: a
browser's recording declares none, and a phone's rate falls when the light does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from engines.face.enrolment.media import clock_text
from engines.face.enrolment.sandbox import answer
from engines.face.enrolment.tone_mapping import TRANSFERS, tone_mapped

SIDES = (64, 4096)  # pixels of a frame, least and most
FASTEST = 240  # frames a second
EARLY_S = 0.01  # a frame counts this much before its time: timestamps are rounded to milliseconds and jitter
FORMATS = {"mp4": "mov", "matroska": "matroska"}  # libav's demuxers: no other is tried, no list of addresses is read

Frame = NDArray[Any]  # (h, w, 3), uint8, or uint16 for a high dynamic range


def main(request: dict[str, Any]) -> dict[str, Any]:
    """{"path", "container", "out", "side", "rate", "seconds", "step", "start", "count", "box"} → {"shape", "size", …}.

    "out" gets every step-th frame from the start-th on, at most count, counted at the even rate, RGB; of each the box
    (left, top, side) if there is one, at most side pixels on its longer side.
    """
    clip = _Clip()
    numbers = range(request["start"], request["start"] + request["step"] * request["count"], request["step"])
    times: list[float] = []
    shape: list[int] = [0, 0, 0]
    with open(request["out"], "wb") as out:
        for time, frame, first, after in _at_even_rate(clip.frames(request), request["rate"]):
            wanted = [number for number in range(first, after) if number in numbers]
            if wanted:
                cut = _cut(clip.upright(frame), request, clip.transfer)
                shape = list(cut.shape)
                for _ in wanted:
                    cut.tofile(out)
                    times.append(time)
            if after > numbers[-1]:
                break
    if not times:
        raise ValueError("the clip has no frame that can be decoded; record it again")
    return {"shape": [len(times), *shape], "size": list(clip.size), "times": times, "notes": clip.notes()}


@dataclass
class _Clip:
    """What is learnt of a clip while its frames are read."""

    size: tuple[int, int] = (0, 0)  # of the upright frame; later frames are scaled to it
    transfer: str | None = None  # of a high dynamic range
    skipped: int = 0
    broken_from: float | None = None

    def frames(self, request: dict[str, Any]) -> Iterator[tuple[float, av.VideoFrame]]:
        """(seconds from the first frame's, frame), times rising."""
        try:
            container = av.open(request["path"], format=FORMATS[request["container"]])
        except (av.error.FFmpegError, ValueError) as error:
            raise ValueError(
                "the clip cannot be decoded: it is damaged or cut off; record or export it again"
            ) from error
        with container:
            if not container.streams.video:
                raise ValueError("the file has sound but no picture; give a clip of the person's face")
            origin, last, read = None, -1.0, 0
            for frame in self._decoded(container):
                if frame.time is None:
                    raise ValueError("the clip's frames have no timestamps; save it anew as MP4")
                origin = frame.time if origin is None else origin
                time = frame.time - origin
                if time > request["seconds"]:
                    raise ValueError(f"the clip lasts longer than {request['seconds']} s; cut it")
                read += 1
                if read > FASTEST * (request["seconds"] + 1):
                    raise ValueError(f"the clip has more than {FASTEST} frames a second; save it with 25 to 60")
                if time > last:
                    yield time, frame
                    last = time
            if self.skipped > read:
                raise ValueError(
                    f"the clip is damaged: {self.skipped} of its frames cannot be decoded; record it again"
                )

    def _decoded(self, container: Any) -> Iterator[av.VideoFrame]:
        stream = container.streams.video[0]
        stream.thread_type, stream.codec_context.thread_count = "AUTO", 2
        time = 0.0
        try:
            for packet in container.demux(stream):
                try:
                    decoded = packet.decode()
                except av.error.FFmpegError:
                    self.skipped += 1
                    continue
                for frame in decoded:
                    if frame.is_corrupt:
                        self.skipped += 1
                    else:
                        time = frame.time or time
                        yield frame
        except av.error.FFmpegError:
            self.broken_from = time

    def upright(self, frame: av.VideoFrame) -> Frame:
        """(h, w, 3) RGB as the clip is meant to be seen, as large as the first frame."""
        transfer = TRANSFERS.get(int(frame.color_trc))
        aspect = frame.width / frame.height
        shown = frame.reformat(format="rgb48le" if transfer else "rgb24", interpolation="BICUBIC", threads=2)
        pixels: Frame = np.rot90(shown.to_ndarray(), round(frame.rotation / 90))
        height, width = pixels.shape[:2]
        if self.size == (0, 0):
            if min(width, height) < SIDES[0] or max(width, height) > SIDES[1]:
                raise ValueError(
                    f"the clip has {width}×{height} pixels; expected {SIDES[0]} to {SIDES[1]} on either side"
                )
            self.size, self.transfer = (width, height), transfer
        if (width, height) != self.size:
            if abs(width / height - self.size[0] / self.size[1]) > 0.02 * aspect:
                first, now = (f"{size[0]}×{size[1]}" for size in (self.size, (width, height)))
                raise ValueError(f"the clip's frames change from {first} to {now} pixels; record it without turning")
            pixels = cv2.resize(np.ascontiguousarray(pixels), self.size, interpolation=cv2.INTER_AREA)
        return np.ascontiguousarray(pixels)

    def notes(self) -> list[str]:
        notes = []
        if self.transfer:
            notes.append(f"the clip has a high dynamic range ({self.transfer.upper()}); its colours were converted")
        if self.skipped:
            notes.append(f"the clip is damaged: {self.skipped} frames could not be decoded and were skipped")
        if self.broken_from is not None:
            notes.append(f"the clip is damaged from {clock_text(self.broken_from)} on; only what is before was used")
        return notes


def _at_even_rate(
    frames: Iterator[tuple[float, av.VideoFrame]], rate: int
) -> Iterator[tuple[float, av.VideoFrame, int, int]]:
    """(time, frame, first, after): frames that are shown, and at which numbers of the even rate.

    A frame is shown from its own time to the next one's; the last one as long as frames lasted on average.
    """
    shown: tuple[float, av.VideoFrame] | None = None
    first, count = 0, 0
    for time, frame in frames:
        after = _number(time, rate)
        if shown is not None and after > first:
            yield (*shown, first, after)
            first = after
        shown, count = (time, frame), count + 1
    if shown is not None:
        usual = shown[0] / (count - 1) if count > 1 else 1 / rate
        after = max(_number(shown[0] + usual, rate), first + (count == 1))
        if after > first:
            yield (*shown, first, after)


def _number(time: float, rate: int) -> int:
    """The first number of the even rate at which what begins at `time` is shown."""
    return max(int(np.ceil((time - EARLY_S) * rate)), 0)


def _cut(frame: Frame, request: dict[str, Any], transfer: str | None) -> NDArray[np.uint8]:
    if request.get("box"):
        left, top, side = request["box"]
        scale = side / request["side"]
        to_frame = np.array([[scale, 0, left + scale / 2 - 0.5], [0, scale, top + scale / 2 - 0.5]])
        flags = (cv2.INTER_AREA if scale > 1 else cv2.INTER_CUBIC) | cv2.WARP_INVERSE_MAP
        if scale > 1.5:  # a warp looks at four pixels only
            frame = cv2.GaussianBlur(frame, (0, 0), scale / 3)
        size = (request["side"], request["side"])
        frame = cv2.warpAffine(frame, to_frame, size, flags=flags, borderMode=cv2.BORDER_REPLICATE)
    longest = max(frame.shape[:2])
    if longest > request["side"]:
        part = request["side"] / longest
        size = (round(frame.shape[1] * part), round(frame.shape[0] * part))
        frame = cv2.resize(frame, size, interpolation=cv2.INTER_AREA)
    return tone_mapped(frame, transfer) if transfer else np.ascontiguousarray(frame, np.uint8)


if __name__ == "__main__":
    answer(main)
