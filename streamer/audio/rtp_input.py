"""The presenter's microphone: packets in, one video frame of sound out. Knows no network and no clock."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engines.api import Chunk
from streamer.audio.concealment import SAMPLE_RATE, Samples
from streamer.audio.jitter_buffer import JitterBuffer
from streamer.audio.opus import OpusDecoder
from streamer.audio.resample import Resampler
from streamer.audio.sender_clock import SenderClock
from streamer.audio.vad import VoiceActivity
from streamer.config import AudioConfig

PAUSE_MS = 200  # so long without voice is a pause between sentences, not inside one
LONGEST_HOLD_FRAMES = 75  # 3 s: a microphone that is never quiet is not ignored for ever


@dataclass(frozen=True, slots=True, eq=False)
class MicFrame:
    """One video frame from the microphone: the voice as it will be sent, and the chunk the engine hears."""

    sound: Samples  # (48000 / frame rate,) float32 at 48 kHz
    chunk: Chunk
    concealed: int  # samples of `sound` that were invented


class RtpInput:
    """Jitter buffer, voice activity and chunker of one session; muting and stopping happen here.

    frame_rate: video frames a second; a pull is one of them.
    """

    def __init__(self, config: AudioConfig, frame_rate: int) -> None:
        self.buffer = JitterBuffer(OpusDecoder(), config.jitter_target_ms)
        self.voice = VoiceActivity(config.vad_aggressiveness)
        self.muted = False
        self.packets = 0
        self._newest_at = float("-inf")  # when the last packet came, monotonic seconds
        self.concealed_samples = 0
        self._resampler = Resampler()
        self._sender_clock = SenderClock()
        self._samples_per_frame = SAMPLE_RATE // frame_rate
        self._hold_frames = 0  # frames for which the rest of a stopped sentence is still ignored

    @property
    def voiced(self) -> bool:
        return self.voice.voiced and not self.silenced

    @property
    def silenced(self) -> bool:
        return self.muted or self._hold_frames > 0

    def packet(self, timestamp: int, payload: bytes, now: float) -> None:
        """One RTP packet of Opus, arriving `now`."""
        self.packets += 1
        self._newest_at = now
        self.buffer.insert(timestamp, payload)

    def newest_age(self, now: float) -> float:
        """Seconds since the last packet came."""
        return now - self._newest_at

    def clock_shift(self, now: float) -> float:
        """By how much the frames should move to follow the sender's packets, seconds; asked once a frame."""
        return self._sender_clock.shift(self.newest_age(now))

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def stop(self) -> None:
        """Ignore what is being said until the speaker pauses; in a pause there is nothing to ignore."""
        self._hold_frames = 0 if self.voice.quiet_ms >= PAUSE_MS else LONGEST_HOLD_FRAMES

    def pull(self) -> MicFrame:
        """The next frame of sound; silence while muted or stopped."""
        heard = self.buffer.pull(self._samples_per_frame)
        self.concealed_samples += heard.concealed if heard.active else 0
        chunk = self._resampler.chunk(heard.samples, voiced=False)
        self.voice.hear(chunk.samples)
        self._release_hold()
        if self.silenced:
            silence = np.zeros_like(heard.samples)
            return MicFrame(silence, Chunk(np.zeros_like(chunk.samples), chunk.index, False), 0)
        return MicFrame(heard.samples, Chunk(chunk.samples, chunk.index, self.voiced), heard.concealed)

    def _release_hold(self) -> None:
        if self._hold_frames:
            self._hold_frames = 0 if self.voice.quiet_ms >= PAUSE_MS else self._hold_frames - 1
