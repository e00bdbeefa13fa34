"""Texts over HTTP and the socket: spoken in order, sentence by sentence; what fails says why and harms nobody."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from lipcast.testing import FakeClock, settle
from streamer.http.requests import MAX_BODY
from streamer.speech.speaker import MAX_TEXT, TEXT_S
from streamer.speech.voices import Voices
from tests.streamer.http.speech_client import SpeechClient
from tests.streamer.server_harness import AVATAR, ServerHarness
from tests.streamer.speech.fake_voice import FakeVoice

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


@contextlib.asynccontextmanager
async def speaking(folder: Path, **voice: Any) -> AsyncIterator[tuple[ServerHarness, str, SpeechClient, FakeVoice]]:
    """A session with a socket and a voice."""
    async with ServerHarness(folder) as harness:
        await harness.ready()
        made = FakeVoice(**voice)
        sessions = harness.server.ready()[1]
        await sessions._voices.close()
        sessions._voices = Voices({"fake": made})
        url = (await harness.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})).json()["url"]
        async with SpeechClient(harness, f"{url}/speech") as client:
            yield harness, url, client, made


async def answer(harness: ServerHarness, asked: Any) -> httpx.Response:
    """Let time pass until the request is answered."""
    request = asyncio.ensure_future(asked)
    await harness.pass_until(request.done)
    return request.result()  # type: ignore[no-any-return]


async def test_a_text_is_spoken_sentence_by_sentence_with_captions(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, voice):
        asked = harness.post(f"{url}/say", json={"text": "Hello there. How are you?", "wait": True})
        told = await answer(harness, asked)
        assert (told.status_code, told.json()) == (200, {"turn": "say-1", "played_ms": 800, "interrupted": False})
        assert voice.said == ["Hello there.", "How are you?"]
        await settle()
        assert [(each["text"], each["at_ms"]) for each in client.of("caption")] == [
            ("Hello there.", 0),
            ("How are you?", 400),
        ]
        assert [each["type"] for each in client.said][1:3] == ["started", "caption"]


async def test_without_waiting_it_answers_when_the_voice_begins(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, _):
        told = await harness.post(f"{url}/say", json={"text": "Hello.", "turn": "mine", "voice": "fake"})
        assert (told.status_code, told.json()) == (202, {"turn": "mine"})
        assert client.of("finished") == []


async def test_several_texts_wait_for_each_other(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, voice):
        for turn in ("a", "b", "c"):
            await harness.post(f"{url}/say", json={"text": f"This is {turn}.", "turn": turn})
        await client.wait(3)
        assert [each["turn"] for each in client.of("finished")] == ["a", "b", "c"]
        assert voice.most_running == 1


async def test_a_text_streams_in_and_begins_with_its_first_sentence(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, voice):

        async def words() -> AsyncIterator[bytes]:
            yield "The first sentence é".encode()[:-1]
            yield "é".encode()[1:] + b". The sec"
            await voice.heard.wait()  # the rest comes when the first sentence has been spoken
            yield b"ond."

        assert await posted(harness, f"{url}/say", words()) == 202
        await client.wait(2)
        assert voice.said == ["The first sentence é.", "The second."]
        assert client.of("finished")[0]["played_ms"] == 800


async def posted(harness: ServerHarness, path: str, body: AsyncIterator[bytes]) -> int:
    """The status of a request whose body comes piece by piece; httpx's ASGI transport takes the whole of it first."""
    status: list[int] = []

    async def receive() -> dict[str, Any]:
        piece = await anext(body, None)
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        status.extend([message["status"]] if "status" in message else [])

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"content-type", b"text/plain; charset=utf-8")],
        "http_version": "1.1",
        "scheme": "http",
        "server": ("lipcast", 80),
        "client": ("test", 1),
    }
    await harness.app(scope, receive, send)
    return status[0]


async def test_a_text_comes_over_the_socket_in_pieces(folder: Path) -> None:
    async with speaking(folder) as (_, _url, client, voice):
        await client.send(type="say", turn="t", text="One. Tw", more=True)
        assert voice.said == ["One."]
        await client.wait(1.5)
        assert client.of("finished") == []
        await client.send(type="say", turn="t", text="o. Three")
        await client.wait(2)
        assert voice.said == ["One.", "Two.", "Three"]
        await client.send(type="say", turn="t", text="Four.")
        assert "a name of its own" in client.errors[0]
        await client.send(type="say", turn="u", text="Five.", more=True)
        await client.send(type="end", turn="u")
        await client.wait(2)
        assert [(each["turn"], each["played_ms"]) for each in client.of("finished")] == [("t", 1200), ("u", 400)]


async def test_a_cancelled_text_stops_the_voice(folder: Path) -> None:
    async with speaking(folder, seconds=3.0) as (harness, url, client, voice):
        await client.send(type="say", turn="t", text="One. " * 20)
        await client.wait(1)
        await client.send(type="cancel", turn="t")
        assert [(each["turn"], each["interrupted"]) for each in client.of("finished")] == [("t", True)]
        assert voice.running == 0
        said = len(voice.said)
        assert said <= 5  # 10 s of window and what is in hand
        await client.wait(5)
        assert len(voice.said) == said
        asked = harness.post(f"{url}/say", json={"text": "Next.", "wait": True})
        assert (await answer(harness, asked)).json()["played_ms"] == 3000


async def test_a_voice_that_fails_is_a_problem_and_the_session_goes_on(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, voice):
        voice.failing = {"Bad."}
        told = await harness.post(f"{url}/say", json={"text": "Bad. Good."})
        assert (told.status_code, told.json()["detail"]) == (502, "the voice is hoarse")
        await settle()
        assert client.errors == ["the voice is hoarse"]
        assert client.of("finished")[-1]["interrupted"]
        told = await harness.post(f"{url}/say", json={"text": "Good. Bad. Better."})
        assert told.status_code == 202  # it had begun
        await client.wait(2)
        assert (client.of("finished")[-1]["played_ms"], len(client.errors)) == (400, 2)


async def test_a_voice_that_hangs_keeps_nobody_else(folder: Path) -> None:
    async with speaking(folder) as (harness, _url, client, voice):
        voice.gate.clear()
        await client.send(type="say", turn="hangs", text="Hello.")
        assert voice.running == 1
        harness.server.ready()[1]._voices = Voices({"fake": FakeVoice()})
        other = (await harness.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})).json()["url"]
        told = await answer(harness, harness.post(f"{other}/say", json={"text": "Hello.", "wait": True}))
        assert told.json()["played_ms"] == 400
        await client.send(type="cancel")
        assert (voice.running, client.of("finished")[0]["interrupted"]) == (0, True)


async def test_text_that_never_goes_on_is_over_after_a_while(folder: Path) -> None:
    async with speaking(folder) as (_, _url, client, voice):
        await client.send(type="say", turn="t", text="One. ", more=True)
        await client.wait(TEXT_S + 1.5)
        assert [each["interrupted"] for each in client.of("finished")] == [False]
        await client.send(type="say", turn="t", text="Two. ", more=True)
        assert (voice.running, voice.said) == (0, ["One."])


async def test_a_dropped_socket_cancels_the_text_that_it_left_incomplete(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, _):
        await client.send(type="say", turn="t", text="One. Two", more=True)
        await client.drop()
        queue = harness.server.host().speaker(url.rpartition("/")[2]).queue
        assert queue.is_over("t")


@pytest.mark.parametrize(
    ("body", "status", "expected"),
    [
        ({"text": ""}, 400, "a letter or a digit"),
        ({"text": "—"}, 400, "a letter or a digit"),
        ({"text": 5}, 400, "'text' must be given"),
        ({"text": "Hello.", "voice": "nobody"}, 400, "expected one of fake"),
        ({"text": "Hello.", "turn": ""}, 202, ""),
        ({"text": "Hello.", "turn": "x" * 65}, 409, "1 to 64"),
        ({"text": "a " * (MAX_TEXT // 2) + "b"}, 413, "say it in several turns"),
        ({"text": "a" * MAX_BODY}, 413, "at most 20,000 characters"),
    ],
)
async def test_bad_texts_are_answered_with_a_way_out(
    folder: Path, body: dict[str, Any], status: int, expected: str
) -> None:
    async with speaking(folder) as (harness, url, _, _voice):
        told = await harness.post(f"{url}/say", json=body)
        assert told.status_code == status
        assert expected in json.dumps(told.json())


async def test_a_megabyte_of_text_is_refused_wherever_it_comes(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, voice):
        megabyte = "word " * 200_000
        told = await harness.post(f"{url}/say", content=megabyte, headers={"content-type": "text/plain"})
        assert told.status_code == 413
        for _ in range(8):
            await client.send(type="say", turn="t", text="word " * 1_000, more=True)
        assert "begin another turn" in client.errors[-1]
        assert isinstance(harness.clock, FakeClock)
        await client.send(type="cancel")
        assert voice.running == 0


async def test_bytes_that_are_no_text_are_refused(folder: Path) -> None:
    async with speaking(folder) as (harness, url, client, _):
        told = await harness.post(f"{url}/say", content=b"Hello \xff", headers={"content-type": "text/plain"})
        assert told.status_code == 400
        assert "not UTF-8" in told.json()["detail"]
        await settle()
        assert [each["interrupted"] for each in client.of("finished")] == [True]


async def test_a_session_of_a_microphone_says_no_texts(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        url = (await harness.join()).json()["url"]
        told = await harness.post(f"{url}/say", json={"text": "Hello."})
        assert (told.status_code, "'source': 'pcm'" in told.json()["detail"]) == (409, True)
