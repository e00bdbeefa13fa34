"""An MP4 of frames and their audio: H.264 and AAC, both from 0 s. Knows no engine.

Both share one timeline: frame t is shown from t / frame rate, sample s is heard at s / 48000. The AAC encoder's
priming and H.264's reordering are taken back by the file's edit lists.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import av
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from lipcast.commands.audio_file import Samples
from lipcast.commands.errors import CommandError
from streamer.audio.opus import SAMPLE_RATE

QUALITY = {"crf": "18", "preset": "medium"}  # 18: no difference is seen beside the original
BITRATES = {1: 128_000, 2: 192_000}  # bit/s of AAC by channels: transparent for speech
LAYOUTS = {1: "mono", 2: "stereo"}


class VideoFile:
    """A context: the file is complete once it is left without an error.

    Raises:
        CommandError: H.264 cannot hold frames of an odd width or height.
    """

    def __init__(self, path: Path, size: tuple[int, int], frame_rate: int, channels: int) -> None:
        if size[0] % 2 or size[1] % 2:
            raise CommandError(f"frames of {size[0]}×{size[1]} pixels: H.264 needs an even width and height")
        self._container = av.open(str(path), "w", format="mp4", options={"movflags": "faststart"})
        self._video = self._add_video(size, frame_rate)
        self._audio = self._add_audio(channels)
        self._frames = 0
        self._samples = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self._container.mux(self._video.encode())
                self._container.mux(self._audio.encode())
        finally:
            self._container.close()

    def describe(self, title: str, comment: str) -> None:
        """What players show about the file; before the first audio or frame."""
        self._container.metadata.update({"title": title, "comment": comment})

    def audio(self, samples: Samples) -> None:
        """(n, channels) float32 in [-1, 1] at 48 kHz: the next n samples."""
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout=LAYOUTS[samples.shape[1]])
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._samples
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._samples += len(samples)
        self._container.mux(self._audio.encode(frame))

    def frame(self, image: NDArray[np.uint8]) -> None:
        """(height, width, 3) RGB: the next frame."""
        frame = av.VideoFrame.from_ndarray(image, format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        frame.pts = self._frames
        frame.time_base = Fraction(1, int(self._video.codec_context.framerate))
        self._frames += 1
        self._container.mux(self._video.encode(frame))

    def _add_video(self, size: tuple[int, int], frame_rate: int) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=frame_rate, options=QUALITY)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        # Said in the file: players guess differently, and skin turns green or pink.
        codec.color_range, codec.colorspace = ColorRange.MPEG, Colorspace.ITU709
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _add_audio(self, channels: int) -> AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout=LAYOUTS[channels])
        assert isinstance(stream, AudioStream)
        stream.bit_rate = BITRATES[channels]
        return stream
