"""The client against a real server on a real socket: turns, texts, cancelling, and everything that is refused."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest
import uvicorn

from lipcast.client import Client, Finished, LipcastError
from streamer.clock import MonotonicClock
from streamer.http.speech_socket import MAX_TEXT_BYTES
from streamer.speech.voices import Voices
from tests.streamer.server_harness import AVATAR, ServerHarness, presenters
from tests.streamer.speech.fake_voice import FakeVoice

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return presenters(tmp_path_factory.mktemp("presenters"))


@contextlib.asynccontextmanager
async def served(folder: Path, root_path: str = "") -> AsyncIterator[tuple[str, ServerHarness, FakeVoice]]:
    """The address of a server whose engine and voice are fakes; its sockets and its clock are real."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        async with ServerHarness(folder, clock=MonotonicClock()) as harness:
            await harness.ready()
            voice = FakeVoice(seconds=0.2)
            sessions = harness.server.ready()[1]
            await sessions._voices.close()
            sessions._voices = Voices({"fake": voice})
            config = uvicorn.Config(
                harness.app,
                lifespan="off",
                log_config=None,
                ws_max_size=MAX_TEXT_BYTES,
                ws_per_message_deflate=False,
                root_path=root_path,
            )
            server = uvicorn.Server(config)
            serving = asyncio.create_task(server.serve([listener]))
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}", harness, voice
            finally:
                server.should_exit = True
                await serving


def pcm(seconds: float, rate: int = 24_000) -> bytes:
    return np.full(round(seconds * rate), 9_000, "<i2").tobytes()


async def test_turns_texts_and_events(folder: Path) -> None:
    async with served(folder) as (url, harness, voice):
        async with Client(url) as client:
            assert await client.avatars() == [AVATAR]
            async with client.join() as presenter:
                assert presenter.watch_url.startswith(f"{url}/watch/")
                async with presenter.turn(rate=16_000) as turn:
                    sound = pcm(0.3, 16_000)
                    await turn.push(sound[:101])  # half a sample waits for its other half
                    await turn.push(sound[101:])
                assert await turn.finished() == Finished(turn.name, 300, False)
                assert await presenter.say("Hello.") == Finished("turn-2", 200, False)
                assert voice.said == ["Hello."]
                types = []
                async for event in presenter.events():
                    types.append(event.type)
                    if types.count("finished") == 2:
                        break
                assert [each for each in types if each != "progress"] == [
                    "started",
                    "finished",
                    "started",
                    "caption",
                    "finished",
                ]
        await harness.pass_until(lambda: len(harness.server.ready()[1]) == 0)


async def test_a_cancel_overtakes_what_waits_because_the_client_stays_within_the_window(folder: Path) -> None:
    async with served(folder) as (url, _, _voice), Client(url) as client, client.join(AVATAR) as presenter:
        async with asyncio.TaskGroup() as tasks:

            async def push() -> Finished:
                async with presenter.turn() as turn:
                    for _ in range(60):  # a minute: more than the window
                        await turn.push(pcm(1.0))
                return await turn.finished()

            pushing = tasks.create_task(push())
            async for event in presenter.events():
                if event.type == "progress":
                    break
            assert not pushing.done()
            await presenter.cancel()
        finished = pushing.result()
        assert finished.interrupted
        assert 0 < finished.played_ms < 10_000


async def test_what_is_refused_is_raised_in_the_servers_words(folder: Path) -> None:
    async with served(folder) as (url, harness, voice), Client(url) as client:
        with pytest.raises(LipcastError, match=r"404 .*nobody"):
            async with client.join("nobody"):
                pass
        async with client.join() as presenter:
            voice.failing = {"Bad."}
            with pytest.raises(LipcastError, match="the voice is hoarse"):
                await presenter.say("Bad.")
            with pytest.raises(LipcastError, match="expected one of fake"):
                await presenter.say("Hello.", voice="nobody")
            async with presenter.turn(rate=7) as turn:
                await turn.push(pcm(0.1))
            with pytest.raises(LipcastError, match="8000 to 48000 Hz"):
                await turn.finished()
            with pytest.raises(RuntimeError, match="mine"):
                async with presenter.turn():
                    raise RuntimeError("mine")
            async with presenter.turn() as turn:
                await turn.push(pcm(7.0))  # as much as the client sends ahead: a slow machine takes its time
            async for event in presenter.events():
                if (event.type, event.turn) == ("started", turn.name):
                    break
            asked = await harness.post(presenter.url.removeprefix(url) + "/interrupt")
            assert asked.status_code == 204
            assert (await turn.finished()).interrupted


async def test_the_end_of_the_session_is_raised(folder: Path) -> None:
    async with served(folder) as (url, harness, _), Client(url) as client, client.join() as presenter:
        async with presenter.turn() as turn:
            await turn.push(pcm(5.0))
        await harness.delete(presenter.url.removeprefix(url))
        assert (await turn.finished()).interrupted
        assert [event.type async for event in presenter.events()][-1] == "finished"
        with pytest.raises(LipcastError, match="the session has ended: left"):
            await presenter.say("Hello.")


async def test_no_server(unused_port: int) -> None:
    async with Client(f"http://127.0.0.1:{unused_port}") as client:
        with pytest.raises(LipcastError, match="does `lipcast serve` run there"):
            await client.avatars()


@pytest.fixture
def unused_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
