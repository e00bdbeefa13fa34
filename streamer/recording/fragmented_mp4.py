"""Frames and audio → fragmented MP4 (H.264, AAC), which plays up to its last fragment however the writing ended.

A fragment is written each second, whole, and nothing before it is changed later. Encoding holds nothing back for longer
than a frame. Knows no event loop, and blocks: it is for a thread of its own.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.stream import AudioStream
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc
from av.video.stream import VideoStream
from numpy.typing import NDArray

from streamer.audio.concealment import Samples
from streamer.audio.opus import SAMPLE_RATE
from streamer.recording.mark import NOTICE, xmp_box

FRAGMENT_US = 1_000_000  # of media in a fragment: what a process that is killed loses of its file
KEY_FRAME_S = 2  # seeking lands on key frames
QUALITY = {"crf": "20", "preset": "veryfast", "tune": "zerolatency"}  # zerolatency: no frame waits for later ones
AUDIO_BITRATE = 128_000  # bit/s of AAC: transparent for speech
LONGEST_GAP_S = 10.0  # of silence in place of audio that never came: more is a clock that jumped


class MarkedFile:
    """A new file to write to, unbuffered: what is written outlives the process. The AI mark follows its first box.

    Raises:
        OSError: it exists already, or cannot be made.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("xb", buffering=0)
        self.bytes = 0
        self.error: OSError | None = None  # the first that writing met; from then on nothing is written

    def write(self, data: bytes) -> int:
        """For FFmpeg, which cannot be told of an error without its log telling it, too: see `error`."""
        if self.bytes == 0:
            first = int.from_bytes(data[:4])  # length of the box "ftyp"
            self._write(data[:first] + xmp_box() + data[first:])
        else:
            self._write(data)
        return len(data)

    def _write(self, data: bytes) -> None:
        left = memoryview(data)
        while len(left) and self.error is None:
            try:
                written = self._file.write(left) or 0
            except OSError as error:
                self.error = error
                return
            self.bytes += written
            left = left[written:]

    def close(self) -> None:
        self._file.close()


class FragmentedMp4:
    """size: of the frames, width and height; one row or column is added where it is odd.

    Frame i of the session is shown, and sample s is heard, at its own time after the first frame that is written.

    Raises:
        OSError: the file cannot be made.
    """

    def __init__(self, path: Path, size: tuple[int, int], frame_rate: int, title: str) -> None:
        self._file = MarkedFile(path)
        self._size = (size[0] + size[0] % 2, size[1] + size[1] % 2)
        self._frame_rate = frame_rate
        options = {"movflags": "frag_keyframe+delay_moov+default_base_moof", "frag_duration": str(FRAGMENT_US)}
        self._container = av.open(self._file, "w", format="mp4", options=options)
        self._container.metadata.update({"title": title, "comment": NOTICE})
        self._video, self._audio = self._add_video(), self._add_audio()
        self._first: int | None = None  # index of the first frame
        self._next = 0  # index after that of the last one
        self._heard = 0  # samples written
        self.frames = 0

    @property
    def bytes(self) -> int:
        return self._file.bytes

    @property
    def seconds(self) -> float:
        """From the first frame to the end of the last, of which some between may be missing."""
        return 0.0 if self._first is None else (self._next - self._first) / self._frame_rate

    def add_frame(self, image: NDArray[np.uint8], index: int) -> None:
        """(height, width, 3) RGB: frame `index` of the session. Frames come in order; some may be missing.

        Raises:
            OSError: it could not be written; see `check`.
        """
        if self._first is None:
            self._first = index
        frame = av.VideoFrame.from_ndarray(self._even(image), format="rgb24").reformat(
            format="yuv420p", dst_colorspace=Colorspace.ITU709, dst_color_range=ColorRange.MPEG
        )
        self._next = index + 1
        frame.pts = index - self._first
        frame.time_base = Fraction(1, self._frame_rate)
        self.frames += 1
        self._container.mux(self._video.encode(frame))
        self.check()

    def add_audio(self, samples: Samples, pts: int) -> None:
        """(n,) float32 in [-1, 1] at 48 kHz; pts: of its first sample since the session began. What is older than the
        first frame is left out, what is missing becomes silence.

        Raises:
            OSError: it could not be written.
        """
        if self._first is None:
            return
        start = pts - self._first * SAMPLE_RATE // self._frame_rate
        gap = start - self._heard
        if gap > 0:
            self._encode(np.zeros(min(gap, round(LONGEST_GAP_S * SAMPLE_RATE)), np.float32))
            self._heard = start
        self._encode(samples[max(0, -gap) :])
        self.check()

    def close(self) -> None:
        """Write what is left, and the end.

        Raises:
            OSError: it could not be written. The file is closed all the same.
        """
        try:
            if self._first is not None:
                self._container.mux(self._video.encode())
                self._container.mux(self._audio.encode())
        finally:
            self._container.close()
            self._file.close()
        self.check()

    def check(self) -> None:
        if self._file.error is not None:
            raise self._file.error

    def _encode(self, samples: Samples) -> None:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="flt", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._heard
        frame.time_base = Fraction(1, SAMPLE_RATE)
        self._heard += len(samples)
        self._container.mux(self._audio.encode(frame))

    def _even(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        right, below = self._size[0] - image.shape[1], self._size[1] - image.shape[0]
        if not right and not below:
            return image
        return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    def _add_video(self) -> VideoStream:
        stream = self._container.add_stream("libx264", rate=self._frame_rate, options=QUALITY)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.thread_count = 1  # sessions run side by side instead
        codec.gop_size = KEY_FRAME_S * self._frame_rate
        codec.color_range, codec.colorspace = ColorRange.MPEG, Colorspace.ITU709
        codec.color_primaries, codec.color_trc = ColorPrimaries.BT709, ColorTrc.BT709
        return stream

    def _add_audio(self) -> AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = AUDIO_BITRATE
        return stream
