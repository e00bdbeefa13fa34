"""A microphone over RTP as an audio input: jitter buffer and voice activity. Knows no network and no clock."""

from __future__ import annotations

import numpy as np

from streamer.audio.concealment import SAMPLE_RATE
from streamer.audio.input import InputReport, PulledAudio
from streamer.audio.jitter_buffer import JitterBuffer
from streamer.audio.opus import OpusDecoder
from streamer.audio.sender_clock import SenderClock
from streamer.audio.vad import VoiceActivity
from streamer.config import AudioConfig

PAUSE_MS = 200  # so long without voice is a pause between sentences, not inside one
LONGEST_HOLD = 3 * SAMPLE_RATE  # samples: a microphone that is never quiet is not ignored for ever


class RtpInput:
    """One session's microphone. See AudioInput."""

    def __init__(self, config: AudioConfig) -> None:
        self.buffer = JitterBuffer(OpusDecoder(), config.jitter_target_ms)
        self.muted = False
        self.packets = 0
        self._voice = VoiceActivity(config.vad_aggressiveness)
        self._sender_clock = SenderClock()
        self._clock_shift_s = 0.0
        self._concealed = 0  # samples, in all
        self._newest_at = float("-inf")  # when the last packet came, monotonic seconds
        self._hold = 0  # samples for which the rest of an interrupted sentence is still ignored

    def packet(self, timestamp: int, payload: bytes, now: float) -> None:
        """One RTP packet of Opus, arriving `now`."""
        self.packets += 1
        self._newest_at = now
        self.buffer.insert(timestamp, payload)

    def mute(self, muted: bool) -> None:
        self.muted = muted

    def interrupt(self) -> None:
        """Ignore what is being said until the speaker pauses; in a pause there is nothing to ignore."""
        self._hold = 0 if self._paused else LONGEST_HOLD

    def pull(self, samples: int, now: float) -> PulledAudio:
        """The next `samples` of audio; silence while muted or held."""
        heard = self.buffer.pull(samples)
        self._clock_shift_s = self._sender_clock.shift(now - self._newest_at)
        self._voice.hear(heard.samples)
        self._hold = 0 if self._paused else max(0, self._hold - samples)
        if self._silenced:
            return PulledAudio(np.zeros(samples, np.float32), voiced=False)
        self._concealed += heard.concealed
        return PulledAudio(heard.samples, self._voice.voiced, heard.concealed)

    def report(self, now: float) -> InputReport:
        return InputReport(
            buffered_s=self.buffer.depth_ms / 1000,
            idle_s=now - self._newest_at,
            clock_shift_s=self._clock_shift_s,
            concealed_s=self._concealed / SAMPLE_RATE,
            muted=self.muted,
            voiced=self._voice.voiced and not self._silenced,
        )

    @property
    def _paused(self) -> bool:
        return self._voice.quiet_ms >= PAUSE_MS

    @property
    def _silenced(self) -> bool:
        return self.muted or self._hold > 0
