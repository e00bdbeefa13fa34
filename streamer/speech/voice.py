"""What a voice is: text in, PCM out. And how the bytes of one are read, without trust."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from streamer.audio.pcm_input import MAX_RATE, MIN_RATE
from streamer.clock import Clock
from streamer.errors import VoiceFailed

T = TypeVar("T")

Pcm = NDArray[np.int16]
OnAudio = Callable[[int, Pcm], Awaitable[None]]  # sample rate in Hz, (n,) samples; waits until there is room for them

LONGEST_S = 90.0  # of audio for one sentence of 300 characters; more is no speech of it
LONGEST_HEADER = 4_096  # bytes before a WAV file's audio
# What is no PCM, by its first bytes.
OTHER_FORMATS = {b"ID3": "MP3", b"OggS": "Ogg", b"fLaC": "FLAC", b'{"': "JSON", b"<!DO": "HTML", b"<htm": "HTML"}


class Voice(Protocol):
    """Speaks one text after the other."""

    async def speak(self, text: str, on_audio: OnAudio) -> None:
        """Have `text` spoken; its audio goes to `on_audio` piece by piece as it comes.

        Raises:
            VoiceFailed: it cannot be had, hangs, or sends no PCM.
        """

    async def close(self) -> None:
        """Let go of what it holds."""


class PcmReader:
    """The bytes of a voice as samples: raw 16-bit little-endian mono, or a WAV file of 16 bits, mono or stereo.

    rate: Hz, of raw samples; a WAV file says its own.
    """

    def __init__(self, voice: str, rate: int) -> None:
        self.rate = rate
        self._voice = voice
        self._channels = 1
        self._header: bytes | None = b""  # None: it has been read
        self._rest = b""
        self._seconds = 0.0

    def feed(self, data: bytes) -> Pcm:
        """
        Raises:
            VoiceFailed: another format, or far more audio than a sentence has.
        """
        if self._header is not None:
            data = self._read_header(self._header + data)
        data = self._rest + data
        whole = len(data) - len(data) % (2 * self._channels)
        self._rest = data[whole:]
        samples = np.frombuffer(data[:whole], "<i2").reshape(-1, self._channels)
        self._seconds += len(samples) / self.rate
        if self._seconds > LONGEST_S:
            raise VoiceFailed(f"voice '{self._voice}' sent more than {LONGEST_S:g} s of audio for one sentence")
        return samples.mean(axis=1).astype(np.int16) if self._channels > 1 else samples[:, 0].astype(np.int16)

    def check_end(self) -> None:
        """
        Raises:
            VoiceFailed: no audio has come.
        """
        if self._seconds == 0:
            raise VoiceFailed(f"voice '{self._voice}' sent no audio")

    def _read_header(self, data: bytes) -> bytes:
        """The audio of what has come so far; empty while that cannot be told."""
        for magic, name in OTHER_FORMATS.items():
            if data.startswith(magic):
                raise VoiceFailed(f"voice '{self._voice}' sends {name}: have it send 16-bit PCM or WAV")
        if b"RIFF"[: len(data)] != data[:4]:
            self._header = None
            return data
        audio = self._wav_audio(data)
        self._header = data if audio is None else None
        if audio is None and len(data) > LONGEST_HEADER:
            raise VoiceFailed(f"voice '{self._voice}' sends a WAV file without audio")
        return audio or b""

    def _wav_audio(self, data: bytes) -> bytes | None:
        """What follows the header; None while that is incomplete. A stream's length is not known, so it is not read."""
        place = 12
        while place + 8 <= len(data):
            name, size = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8], "little")
            if name == b"data":
                return data[place + 8 :]
            if name == b"fmt " and place + 24 <= len(data):
                self._read_format(data[place + 8 : place + 24])
            place += 8 + size + size % 2
        return None

    def _read_format(self, fields: bytes) -> None:
        form, channels = (int.from_bytes(fields[at : at + 2], "little") for at in (0, 2))
        rate, bits = int.from_bytes(fields[4:8], "little"), int.from_bytes(fields[14:16], "little")
        if form not in (1, 0xFFFE) or bits != 16 or channels not in (1, 2) or not MIN_RATE <= rate <= MAX_RATE:
            raise VoiceFailed(
                f"voice '{self._voice}' sends WAV of format {form}, {bits} bits, {channels} channels, {rate} Hz:"
                f" have it send PCM of 16 bits, mono or stereo, {MIN_RATE} to {MAX_RATE} Hz"
            )
        self.rate, self._channels = rate, channels


async def within(clock: Clock, seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """The result of `work`, which is cancelled if it takes longer.

    Raises:
        TimeoutError
        whatever `work` raises.
    """
    failure: Exception | None = None
    results: list[T] = []

    async def run() -> None:
        nonlocal failure
        try:
            results.append(await work)
        except Exception as error:  # noqa: BLE001  handed on below: the group would wrap it
            failure = error

    try:
        async with asyncio.TaskGroup() as tasks:
            timer = tasks.create_task(clock.sleep_until(clock.now() + seconds))
            running = tasks.create_task(run())
            await asyncio.wait((timer, running), return_when=asyncio.FIRST_COMPLETED)
            timer.cancel()
            running.cancel()
    finally:
        work.close()  # cancelled before it began, it would be reported as never awaited
    if failure is not None:
        raise failure
    if not results:
        raise TimeoutError
    return results[0]
