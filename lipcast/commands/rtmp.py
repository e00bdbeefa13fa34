"""Frames and audio → an RTMP server (H.264, AAC in FLV). Blocks, for a thread of its own; knows no event loop.

FFmpeg's part of PyAV holds Python's lock while it connects, so nothing else of the process runs until it has, or until
CONNECT_S is over. Stream keys are secrets: no message has one.
"""

from __future__ import annotations

import re
from fractions import Fraction
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.video.stream import VideoStream

from lipcast.commands.errors import CommandError
from streamer.audio.opus import SAMPLE_RATE

CONNECT_S, WRITE_S = 10.0, 10.0  # then the server counts as gone
KEY_FRAME_S = 2  # what platforms ask for
AUDIO_BITRATE = 128_000  # bit/s of AAC
MS = 1000  # FLV counts in milliseconds
LONGEST_GAP_S = 5.0  # of silence in place of lost audio
SECRET = "•••"


class NotSent(Exception):
    """The server cannot be reached, or did not take it. The message has no key."""


class Target:
    """Where to send: rtmp://HOST/APP/KEY, also rtmps.

    Raises:
        CommandError: it is no such address.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        app, _, key = parts.path.strip("/").partition("/")
        if parts.scheme not in ("rtmp", "rtmps") or not parts.hostname or not app or not key:
            raise CommandError("the target is not an RTMP address: expected rtmp://HOST/APP/KEY, or rtmps://…")
        self.url = url
        port = f":{parts.port}" if parts.port else ""
        self.shown = f"{parts.scheme}://{parts.hostname}{port}/{app}/{SECRET}"
        secrets = {key, *key.split("/"), parts.query, parts.password or "", parts.username or ""}
        self._secrets = sorted((each for each in secrets if each), key=len, reverse=True)

    def redact(self, text: str) -> str:
        """The text, without what gives access to the target."""
        text = text.replace(self.url, self.shown)
        for secret in self._secrets:
            text = re.sub(rf"(?<![A-Za-z0-9]){re.escape(secret)}(?![A-Za-z0-9])", SECRET, text)
        return text


class RtmpOutput:
    """A context that connects and, left without an error, says goodbye.

    size: of the frames; bitrate: of the video, bit/s; frame_rate: usual frames a second.

    Raises:
        NotSent
    """

    def __init__(self, target: Target, size: tuple[int, int], frame_rate: int, bitrate: int) -> None:
        self._target = target
        self._size = size
        self._first_s: float | None = None
        self._shown = -1  # ms of the last frame
        self._heard = 0  # samples
        self._resampler = AudioResampler(format="fltp", layout="mono", rate=SAMPLE_RATE)
        try:
            self._container = av.open(target.url, "w", format="flv", timeout=(CONNECT_S, WRITE_S))
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None  # the cause's message has the key
        self._video, self._audio = self._add_video(frame_rate, bitrate), self._add_audio()

    def __enter__(self) -> Self:
        try:
            self._container.start_encoding()
        except (av.FFmpegError, OSError) as error:
            self._close()
            raise self._failed(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def add_frame(self, frame: av.VideoFrame, time_s: float) -> None:
        """A frame to be shown at time_s; frames come in order. The first begins the stream.

        Raises:
            NotSent
        """
        if self._first_s is None:
            self._first_s = time_s
        shown = round((time_s - self._first_s) * MS)
        if shown <= self._shown:
            return
        self._shown = shown
        fitting = frame.reformat(*self._size, format="yuv420p")
        fitting.pts, fitting.time_base = shown, Fraction(1, MS)
        self._send(self._video.encode(fitting))

    def add_audio(self, frame: av.AudioFrame, time_s: float) -> None:
        """Audio to be heard at time_s. What is lost becomes silence.

        Raises:
            NotSent
        """
        if self._first_s is None:
            return
        start = round((time_s - self._first_s) * SAMPLE_RATE)
        frame.pts = None
        samples = np.concatenate([each.to_ndarray().reshape(-1) for each in self._resampler.resample(frame)])
        gap = start - self._heard
        if abs(gap) < SAMPLE_RATE // MS:  # a rounded millisecond is no gap
            gap = 0
        if gap > 0:
            self._encode(np.zeros(min(gap, round(LONGEST_GAP_S * SAMPLE_RATE)), np.float32))
            self._heard = start
        self._encode(samples[max(0, -gap) :].astype(np.float32))

    def _encode(self, samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> None:
        if not len(samples):
            return
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="fltp", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts, frame.time_base = self._heard, Fraction(1, SAMPLE_RATE)
        self._heard += len(samples)
        self._send(self._audio.encode(frame))

    def _send(self, packets: list[av.Packet[Any]]) -> None:
        try:
            self._container.mux(packets)
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None

    def _close(self) -> None:
        try:
            self._container.close()
        except (av.FFmpegError, OSError) as error:
            raise self._failed(error) from None

    def _failed(self, error: Exception) -> NotSent:
        return NotSent(f"{self._target.shown}: {self._target.redact(str(error))}")

    def _add_video(self, frame_rate: int, bitrate: int) -> VideoStream:
        options = {
            "preset": "veryfast",
            "tune": "zerolatency",
            "maxrate": str(bitrate),
            "bufsize": str(2 * bitrate),
        }
        stream = self._container.add_stream("libx264", rate=frame_rate, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        codec = stream.codec_context
        codec.bit_rate = bitrate
        codec.gop_size = KEY_FRAME_S * frame_rate
        codec.time_base = Fraction(1, MS)
        return stream

    def _add_audio(self) -> AudioStream:
        stream = self._container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        assert isinstance(stream, AudioStream)
        stream.bit_rate = AUDIO_BITRATE
        return stream
