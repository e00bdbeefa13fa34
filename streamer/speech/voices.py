"""The voices of a server: programs that write PCM, and endpoints like OpenAI's /v1/audio/speech."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import signal
import tempfile
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Coroutine, Mapping
from typing import Any, BinaryIO, TypeVar

import httpx

from streamer.audio.pcm_input import MAX_RATE, MIN_RATE
from streamer.clock import Clock
from streamer.config import SpeechConfig, VoiceConfig
from streamer.errors import BadRequest, Conflict, VoiceFailed
from streamer.speech.voice import OnAudio, PcmReader, Voice, within

T = TypeVar("T")

READ = 4_096  # bytes: 93 ms of espeak-ng's audio, so that speech begins soon
ESPEAK = VoiceConfig(name="espeak-ng", command=("espeak-ng", "--stdin", "--stdout"), rate=22_050)
REUSE_S = 2.0  # an idle connection is used again; servers close theirs after 5 s, which may cross a request
STOP_S = 2.0  # for a killed process; one that has left its group may hold its pipes for longer
LONGEST_COMPLAINT = 300  # characters of what a voice says went wrong
PCM_TYPES = ("audio/pcm", "audio/l16", "audio/wav", "audio/x-wav", "audio/wave", "application/octet-stream", "")


class Voices:
    """By name; `close` when the server stops."""

    def __init__(self, voices: Mapping[str, Voice], default: str = "") -> None:
        """default: the voice that speaks where none is asked for; empty: the first."""
        self._voices = dict(voices)
        self._default = default or next(iter(self._voices), "")

    @property
    def names(self) -> list[str]:
        return list(self._voices)

    def find(self, name: str | None) -> Voice:
        """
        Raises:
            Conflict: there are none. BadRequest: there is no such voice.
        """
        if not self._voices:
            raise Conflict("no voice is set up: install espeak-ng, or add one under [[speech.voices]]")
        if name is not None and name not in self._voices:
            raise BadRequest(f"no voice {name[:40]!r}; expected one of {', '.join(self._voices)}")
        return self._voices[name or self._default]

    async def close(self) -> None:
        for voice in self._voices.values():
            await voice.close()


def voices_of(config: SpeechConfig, clock: Clock) -> Voices:
    """Those of the configuration; without any espeak-ng, where it is installed."""
    configured = config.voices or ((ESPEAK,) if shutil.which(ESPEAK.command[0]) else ())
    return Voices({each.name: new_voice(each, clock) for each in configured}, config.voice)


def new_voice(config: VoiceConfig, clock: Clock) -> Voice:
    return CommandVoice(config, clock) if config.command else EndpointVoice(config, clock)


class CommandVoice:
    """A program: text on its standard input, PCM or WAV on its standard output, a process for each sentence."""

    def __init__(self, config: VoiceConfig, clock: Clock) -> None:
        self._config = config
        self._clock = clock

    async def speak(self, text: str, on_audio: OnAudio) -> None:
        """See Voice. The text is no argument: it cannot be taken for an option."""
        name, command = self._config.name, self._config.command
        with tempfile.TemporaryFile() as complaints:
            try:
                process = await asyncio.create_subprocess_exec(
                    *command, stdin=PIPE, stdout=PIPE, stderr=complaints, start_new_session=True
                )
            except OSError as error:
                raise VoiceFailed(f"voice '{name}': {command[0]} cannot be run ({error.strerror})") from error
            try:
                await self._hear(process, text, on_audio)
            except TimeoutError as error:
                raise VoiceFailed(f"voice '{name}' sent nothing for {self._config.timeout_s:g} s") from error
            finally:
                await end(process)
            if process.returncode:
                said = last_words(complaints) or "it says nothing"
                raise VoiceFailed(f"voice '{name}' ended with status {process.returncode}: {said}")

    async def _hear(self, process: Process, text: str, on_audio: OnAudio) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        with contextlib.suppress(ConnectionError):  # it reads no text: its status says more
            process.stdin.write(text.encode() + b"\n")  # less than a pipe holds
            process.stdin.close()
        reader = PcmReader(self._config.name, self._config.rate)
        while data := await within(self._clock, self._config.timeout_s, process.stdout.read(READ)):
            await hand_over(reader, data, on_audio)
        if not await within(self._clock, self._config.timeout_s, process.wait()):
            reader.check_end()

    async def close(self) -> None:
        """See Voice: nothing is kept."""


async def end(process: Process) -> None:
    """Whatever it does and has started."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.killpg(process.pid, signal.SIGKILL)
        # Its output is read to the end: asyncio tells the end of a process only after that of its pipes.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_S):
                await process.communicate()


def last_words(complaints: BinaryIO) -> str:
    complaints.seek(max(0, complaints.seek(0, os.SEEK_END) - LONGEST_COMPLAINT))
    return complaints.read().decode(errors="replace").strip()


async def hand_over(reader: PcmReader, data: bytes, on_audio: OnAudio) -> None:
    pcm = reader.feed(data)
    if len(pcm):
        await on_audio(reader.rate, pcm)


class EndpointVoice:
    """An endpoint such as OpenAI's /v1/audio/speech: a request for each sentence, its audio as it streams in."""

    def __init__(self, config: VoiceConfig, clock: Clock, transport: httpx.AsyncBaseTransport | None = None) -> None:
        """transport: how to reach it; None: by the network."""
        self._config = config
        self._clock = clock
        # Times are kept here, by the server's clock. Certificates are loaded only where they are needed: it takes long.
        limits, secure = httpx.Limits(keepalive_expiry=REUSE_S), config.url.startswith("https")
        self._client = httpx.AsyncClient(timeout=None, verify=secure, limits=limits, transport=transport)

    async def speak(self, text: str, on_audio: OnAudio) -> None:
        """See Voice."""
        name = self._config.name
        try:
            response = await self._in_time(self._client.send(self._request(text), stream=True))
            try:
                await self._hear(response, on_audio)
            finally:
                await response.aclose()
        except TimeoutError as error:
            raise VoiceFailed(f"voice '{name}' sent nothing for {self._config.timeout_s:g} s") from error
        except httpx.HTTPError as error:
            why = str(error) or type(error).__name__
            raise VoiceFailed(f"voice '{name}': {self._config.url} cannot be asked: {why}") from error

    def _request(self, text: str) -> httpx.Request:
        config = self._config
        body = {"input": text, "response_format": "pcm"}
        body |= {key: value for key, value in (("model", config.model), ("voice", config.voice)) if value}
        key = os.environ.get(config.api_key_env, "") if config.api_key_env else ""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return self._client.build_request("POST", config.url, json=body, headers=headers)

    async def _hear(self, response: httpx.Response, on_audio: OnAudio) -> None:
        name, chunks = self._config.name, response.aiter_bytes()
        kind, _, parameters = response.headers.get("content-type", "").lower().partition(";")
        if response.status_code != httpx.codes.OK:
            said = (await self._in_time(first(chunks)))[:LONGEST_COMPLAINT].decode(errors="replace")
            raise VoiceFailed(f"voice '{name}': {self._config.url} answers {response.status_code}: {said}")
        if kind.strip() not in PCM_TYPES:
            raise VoiceFailed(f"voice '{name}' sends {kind[:60]!r} though response_format is pcm: expected audio/pcm")
        reader = PcmReader(name, rate_in(parameters) or self._config.rate)
        while data := await self._in_time(first(chunks)):
            await hand_over(reader, data, on_audio)
        reader.check_end()

    async def _in_time(self, work: Coroutine[Any, Any, T]) -> T:
        return await within(self._clock, self._config.timeout_s, work)

    async def close(self) -> None:
        """See Voice."""
        await self._client.aclose()


async def first(chunks: AsyncIterator[bytes]) -> bytes:
    """The next chunk that is not empty; empty at the end."""
    async for chunk in chunks:
        if chunk:
            return chunk
    return b""


def rate_in(parameters: str) -> int | None:
    """The sample rate of a content type's parameters, as in audio/pcm;rate=24000."""
    found = re.search(r"rate=(\d{4,5})\b", parameters)
    rate = int(found[1]) if found else 0
    return rate if MIN_RATE <= rate <= MAX_RATE else None
