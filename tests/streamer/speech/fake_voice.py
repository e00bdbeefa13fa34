"""A voice of tests: as many seconds of one level as it is told, at once, or when it is let."""

from __future__ import annotations

import asyncio

import numpy as np

from streamer.errors import VoiceFailed
from streamer.speech.voice import OnAudio


class FakeVoice:
    """gate: cleared, it hangs. failing: the sentences that it fails at."""

    def __init__(self, seconds: float = 0.4, rate: int = 16_000) -> None:
        self.seconds = seconds
        self.rate = rate
        self.said: list[str] = []
        self.running = 0
        self.most_running = 0
        self.closed = False
        self.heard = asyncio.Event()  # it has said something
        self.gate = asyncio.Event()
        self.gate.set()
        self.failing: set[str] = set()

    async def speak(self, text: str, on_audio: OnAudio) -> None:
        self.running += 1
        self.most_running = max(self.running, self.most_running)
        try:
            await self.gate.wait()
            if text in self.failing:
                raise VoiceFailed("the voice is hoarse")
            self.said.append(text)
            self.heard.set()
            await on_audio(self.rate, np.full(round(self.seconds * self.rate), 9_000, np.int16))
        finally:
            self.running -= 1

    async def close(self) -> None:
        self.closed = True
