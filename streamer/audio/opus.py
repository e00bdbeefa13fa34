"""Opus packets ↔ samples at 48 kHz mono. Knows nothing of order or of time."""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from numpy.typing import NDArray

SAMPLE_RATE = 48_000  # Hz, the clock of Opus over RTP (RFC 7587 section 4.1)
SAMPLES_PER_PACKET = 960  # 20 ms


class OpusDecoder:
    """One sender's stream: packets in order."""

    def __init__(self) -> None:
        codec = av.CodecContext.create("libopus", "r")
        assert isinstance(codec, AudioCodecContext)
        codec.format = "s16"
        codec.layout = "mono"
        codec.sample_rate = SAMPLE_RATE
        self._codec = codec

    def __call__(self, payload: bytes) -> NDArray[np.float32]:
        """Decode one packet to (n,) float32 in [-1, 1].

        Raises:
            ValueError: the payload is not an Opus packet.
        """
        try:
            frames = self._codec.decode(av.Packet(payload)) if payload else []
        except av.FFmpegError as error:
            raise ValueError(f"not an Opus packet ({len(payload)} bytes): {error}") from error
        if not frames:
            raise ValueError(f"an Opus packet without sound ({len(payload)} bytes)")
        pcm = np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])
        return pcm.astype(np.float32) / 32768.0


class OpusEncoder:
    """One voice, packed 20 ms at a time, with in-band redundancy for lost packets."""

    def __init__(self, bitrate: int) -> None:
        codec = av.CodecContext.create("libopus", "w")
        assert isinstance(codec, AudioCodecContext)
        codec.thread_count = 1  # otherwise FFmpeg starts a pool that a mono voice never uses
        codec.bit_rate = bitrate
        codec.format = "s16"
        codec.layout = "mono"
        codec.sample_rate = SAMPLE_RATE
        codec.time_base = Fraction(1, SAMPLE_RATE)
        # Redundancy is only sent where loss is expected; 5 % costs little and fixes most single losses.
        codec.options = {"application": "voip", "fec": "1", "packet_loss": "5", "frame_duration": "20"}
        self._codec = codec
        self._pts = 0

    def encode(self, samples: NDArray[np.float32]) -> bytes:
        """(960,) float32 in [-1, 1] → one packet."""
        pcm = np.clip(samples * 32767.0, -32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(pcm.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = SAMPLE_RATE
        frame.pts = self._pts
        self._pts += len(samples)
        return b"".join(bytes(packet) for packet in self._codec.encode(frame))
