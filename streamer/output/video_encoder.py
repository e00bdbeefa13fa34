"""Frames → VP8 or H.264 packets, for real time: no frame is held back. Knows no network and no time.

Chroma has half the resolution, so a frame of odd width or height is padded by one column or row, a copy of its last.
"""

from __future__ import annotations

from fractions import Fraction

import av
import cv2
import numpy as np
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType
from numpy.typing import NDArray

CODECS = {"video/VP8": "libvpx", "video/H264": "libx264"}
KEY_FRAME_INTERVAL = 3000  # frames: key frames are sent when somebody needs one, not by the clock
VP8_OPTIONS = {
    "cpu-used": "-6",
    "deadline": "realtime",
    "lag-in-frames": "0",
    "error-resilient": "default",
    "noise-sensitivity": "0",
    "overshoot-pct": "15",
    "undershoot-pct": "100",
    "static-thresh": "1",
}
H264_OPTIONS = {"preset": "veryfast", "tune": "zerolatency"}
MACROBLOCK = 16  # pixels
LEVEL_31_MACROBLOCKS = 3600  # of a frame, H.264 table A-1; offers of browsers name level 3.1, larger frames need more
BUFFER_SECONDS = 1.0  # of bit rate that a burst may take: less starves the first key frame of detail


class VideoEncoder:
    """One codec, one frame size; the bit rate may change, at the price of a key frame.

    mime_type: "video/VP8" or "video/H264".
    """

    def __init__(self, mime_type: str, width: int, height: int, frame_rate: int) -> None:
        self.mime_type = mime_type
        self._size = (width + width % 2, height + height % 2)
        self._frame_rate = frame_rate
        self._bitrate = 0
        self._codec: VideoCodecContext | None = None

    def encode(self, image: NDArray[np.uint8], index: int, bitrate: int, key_frame: bool) -> tuple[bytes, bool]:
        """(height, width, 3) RGB → one frame's bytes, and whether it is a key frame.

        index: the frame's number, which sets the encoder's idea of time.
        """
        if self._codec is None or bitrate != self._bitrate:
            self._codec = self._open(bitrate)
            self._bitrate = bitrate
        yuv: NDArray[np.uint8] = cv2.cvtColor(self._even(image), cv2.COLOR_RGB2YUV_I420)  # type: ignore[assignment]
        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        frame.pts = index
        frame.time_base = Fraction(1, self._frame_rate)
        frame.pict_type = PictureType.I if key_frame else PictureType.NONE
        packets = self._codec.encode(frame)
        return b"".join(bytes(packet) for packet in packets), any(packet.is_keyframe for packet in packets)

    def _even(self, image: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The frame, padded to the encoder's size."""
        right, below = self._size[0] - image.shape[1], self._size[1] - image.shape[0]
        if not right and not below:
            return image
        return np.asarray(cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_REPLICATE), np.uint8)

    @property
    def _level(self) -> dict[str, str]:
        """The level that offers name where the frame fits into it; else as the encoder finds it."""
        across, down = (-(-side // MACROBLOCK) for side in self._size)
        return {"level": "31"} if across * down <= LEVEL_31_MACROBLOCKS else {}

    def _open(self, bitrate: int) -> VideoCodecContext:
        codec = av.CodecContext.create(CODECS[self.mime_type], "w")
        assert isinstance(codec, VideoCodecContext)
        codec.width, codec.height = self._size
        codec.pix_fmt = "yuv420p"
        codec.bit_rate = bitrate
        codec.time_base = Fraction(1, self._frame_rate)
        codec.framerate = Fraction(self._frame_rate, 1)
        codec.gop_size = KEY_FRAME_INTERVAL
        codec.thread_count = 1  # sessions run side by side instead
        limits = {"maxrate": str(bitrate), "bufsize": str(int(bitrate * BUFFER_SECONDS))}
        if self.mime_type == "video/VP8":
            codec.qmin, codec.qmax = 2, 56
            codec.options = {**VP8_OPTIONS, **limits, "minrate": str(bitrate)}
        else:
            codec.profile = "Baseline"
            codec.options = {**H264_OPTIONS, **self._level, **limits}
        return codec
