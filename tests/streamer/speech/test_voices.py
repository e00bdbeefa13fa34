"""Programs and endpoints that speak, and those that hang, break or send something else."""

from __future__ import annotations

import asyncio
import io
import sys
import wave
from collections.abc import AsyncIterator

import httpx
import numpy as np
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from lipcast.testing import FakeClock
from streamer.clock import Clock, MonotonicClock
from streamer.config import SpeechConfig, VoiceConfig
from streamer.errors import BadRequest, Conflict, VoiceFailed
from streamer.speech.voice import LONGEST_S, Pcm, PcmReader, Voice
from streamer.speech.voices import CommandVoice, EndpointVoice, Voices, voices_of

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

RAMP = np.arange(-800, 800, dtype=np.int16)


def wav(samples: Pcm, rate: int = 22_050, channels: int = 1) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setnchannels(channels)
        writer.setsampwidth(2)
        writer.setframerate(rate)
        writer.writeframes(samples.tobytes())
    return file.getvalue()


async def spoken(voice: Voice, text: str = "Hello.") -> tuple[int, Pcm]:
    rates: list[int] = []
    pieces: list[Pcm] = []

    async def on_audio(rate: int, pcm: Pcm) -> None:
        rates.append(rate)
        pieces.append(pcm)

    try:
        await voice.speak(text, on_audio)
    finally:
        await voice.close()
    assert len(set(rates)) == 1
    return rates[0], np.concatenate(pieces)


@pytest.mark.parametrize("size", [1, 7, 44, 45, 10_000])
def test_a_wav_file_is_read_in_pieces_of_any_size(size: int) -> None:
    reader, data = PcmReader("v", 16_000), wav(RAMP)
    pieces = [reader.feed(data[place : place + size]) for place in range(0, len(data), size)]
    assert np.concatenate(pieces).tolist() == RAMP.tolist()
    assert reader.rate == 22_050


def test_stereo_is_mixed_down_and_raw_audio_taken_as_it_is() -> None:
    stereo = np.repeat(RAMP, 2)
    stereo[::2] += 100
    assert PcmReader("v", 16_000).feed(wav(stereo, channels=2)).tolist() == (RAMP + 50).tolist()
    assert PcmReader("v", 16_000).feed(RAMP.tobytes()).tolist() == RAMP.tolist()


@pytest.mark.parametrize("data", [b"ID3\x04rest", b"OggSrest", b'{"error": "no"}', b"<!DOCTYPE html>"])
def test_other_formats_are_named(data: bytes) -> None:
    with pytest.raises(VoiceFailed, match="have it send 16-bit PCM or WAV"):
        PcmReader("v", 16_000).feed(data)


def test_a_wav_file_of_another_kind_is_refused() -> None:
    data = bytearray(wav(RAMP))
    data[34] = 24  # bits
    with pytest.raises(VoiceFailed, match="24 bits"):
        PcmReader("v", 16_000).feed(bytes(data))
    with pytest.raises(VoiceFailed, match="without audio"):
        PcmReader("v", 16_000).feed(b"RIFF\0\0\0\0WAVE" + b"junk\0\0\0\0" * 600)


def test_more_audio_than_a_sentence_has_is_refused() -> None:
    with pytest.raises(VoiceFailed, match="more than 90 s"):
        PcmReader("v", 8_000).feed(b"\1\1" * (8_000 * round(LONGEST_S) + 1))


def program(code: str, timeout_s: float = 60.0, clock: Clock | None = None) -> CommandVoice:
    config = VoiceConfig(name="v", command=(sys.executable, "-Sc", code), rate=16_000, timeout_s=timeout_s)
    return CommandVoice(config, clock or MonotonicClock())


async def test_a_program_gets_the_text_and_its_audio_is_heard() -> None:
    echo = "import sys; text = sys.stdin.buffer.read(); sys.stdout.buffer.write(text[::-1] * 2)"
    rate, pcm = await spoken(program(echo), "-rf $(touch x)")
    assert rate == 16_000
    assert pcm.tobytes() == b"\n)x hcuot($ fr-" * 2


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("import sys; sys.exit('the model is missing')", "status 1: the model is missing"),
        ("pass", "sent no audio"),
        ("import sys; sys.stdout.write('{\"error\": 1}')", "sends JSON"),
    ],
)
async def test_a_program_that_fails_says_why(code: str, expected: str) -> None:
    with pytest.raises(VoiceFailed, match=expected):
        await spoken(program(code))


async def test_a_program_that_does_not_exist_is_named() -> None:
    voice = CommandVoice(VoiceConfig(name="v", command=("/nowhere/piper",)), MonotonicClock())
    with pytest.raises(VoiceFailed, match="/nowhere/piper cannot be run"):
        await spoken(voice)


async def test_a_program_that_hangs_is_killed_with_what_it_has_started() -> None:
    clock = FakeClock()
    voice = program("import subprocess; subprocess.run(['sleep', '1000'])", 5.0, clock)
    speaking = asyncio.create_task(spoken(voice))
    while not speaking.done():
        await clock.advance(0.1)
        await asyncio.sleep(0.001)
    with pytest.raises(VoiceFailed, match="sent nothing for 5 s"):
        speaking.result()


async def test_cancelling_ends_the_program() -> None:
    heard = asyncio.Event()

    async def on_audio(rate: int, pcm: Pcm) -> None:
        heard.set()
        await asyncio.Event().wait()  # there is no room: the program's output waits

    voice = program("import sys\nwhile True: sys.stdout.buffer.write(bytes(4096))")
    speaking = asyncio.create_task(voice.speak("Hello.", on_audio))
    await heard.wait()
    speaking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await speaking


def endpoint(answer: Response, clock: Clock | None = None) -> tuple[EndpointVoice, list[dict[str, object]]]:
    asked: list[dict[str, object]] = []

    async def route(request: Request) -> Response:
        asked.append(await request.json() | {"authorization": request.headers.get("authorization")})
        return answer

    app = Starlette(routes=[Route("/v1/audio/speech", route, methods=["POST"])])
    config = VoiceConfig(
        name="v",
        url="http://voice/v1/audio/speech",
        model="m",
        voice="w",
        api_key_env="LIPCAST_TEST_KEY",
        timeout_s=5.0,
    )
    return EndpointVoice(config, clock or MonotonicClock(), httpx.ASGITransport(app)), asked


async def test_an_endpoint_is_asked_as_openai_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIPCAST_TEST_KEY", "secret")
    voice, asked = endpoint(Response(RAMP.tobytes(), media_type="audio/pcm;rate=16000"))
    rate, pcm = await spoken(voice)
    assert (rate, pcm.tolist()) == (16_000, RAMP.tolist())
    expected = {"input": "Hello.", "model": "m", "voice": "w", "response_format": "pcm"}
    assert asked == [expected | {"authorization": "Bearer secret"}]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Response("no such model", 404), "answers 404: no such model"),
        (Response(b"x", media_type="audio/mpeg"), "expected audio/pcm"),
        (Response("<html>", media_type="text/html"), "sends 'text/html'"),
        (Response(b"", media_type="audio/pcm"), "sent no audio"),
        (Response(b"ID3...", media_type="audio/pcm"), "sends MP3"),
        (Response(status_code=307, headers={"location": "/"}), "answers 307"),
    ],
)
async def test_an_endpoint_that_lies_is_found_out(answer: Response, expected: str) -> None:
    with pytest.raises(VoiceFailed, match=expected):
        await spoken(endpoint(answer)[0])


async def test_an_endpoint_that_hangs_is_given_up() -> None:
    never = asyncio.Event()

    async def silence() -> AsyncIterator[bytes]:
        await never.wait()
        yield b""

    clock = FakeClock()
    speaking = asyncio.create_task(spoken(endpoint(StreamingResponse(silence(), media_type="audio/pcm"), clock)[0]))
    await clock.advance(4.9)
    assert not speaking.done()
    await clock.advance(0.2)
    with pytest.raises(VoiceFailed, match="sent nothing for 5 s"):
        speaking.result()


async def test_an_endpoint_that_is_not_there_is_named() -> None:
    voice = EndpointVoice(VoiceConfig(name="v", url="http://127.0.0.1:9/v1/audio/speech"), MonotonicClock())
    with pytest.raises(VoiceFailed, match=r"127\.0\.0\.1:9/v1/audio/speech cannot be asked"):
        await spoken(voice)


async def test_voices_are_found_by_name() -> None:
    config = SpeechConfig("b", (VoiceConfig("a", command=("a",)), VoiceConfig("b", url="http://b")))
    voices = voices_of(config, MonotonicClock())
    assert isinstance(voices.find(None), EndpointVoice)
    assert isinstance(voices.find("a"), CommandVoice)
    with pytest.raises(BadRequest, match="expected one of a, b"):
        voices.find("c")
    with pytest.raises(Conflict, match="install espeak-ng"):
        Voices({}).find(None)
    await voices.close()
