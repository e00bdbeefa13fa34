"""Speech by WebSocket: turns from start to finish, faster than real time, cut short, and everything that is wrong."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lipcast.testing import settle
from streamer.audio.speech_queue import WINDOW_S, Finished
from streamer.config import Config, ServerConfig, WebRtcConfig
from streamer.http.speech_messages import PROTOCOL
from streamer.http.speech_socket import MAX_AUDIO_BYTES, MAX_ERRORS, MAX_TEXT_BYTES
from tests.streamer.http.speech_client import SpeechClient
from tests.streamer.server_harness import AVATAR, ServerHarness

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

LEAVING_MS = 200  # from a pull to the network: look-ahead, a frame and what the clock of the test is coarse by


def pcm(seconds: float, rate: int = 24_000) -> bytes:
    return np.full(round(seconds * rate), 9_000, "<i2").tobytes()


async def pcm_session(harness: ServerHarness) -> str:
    await harness.ready()
    made = await harness.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})
    url: str = made.json()["url"]
    return url


@asynccontextmanager
async def connected(folder: Path, **more: Any) -> AsyncIterator[tuple[ServerHarness, SpeechClient]]:
    """A session of pushed speech, and a socket to it."""
    async with ServerHarness(folder) as harness:
        url = await pcm_session(harness)
        async with SpeechClient(harness, f"{url}/speech", **more) as client:
            yield harness, client


async def speak(client: SpeechClient, turn: str, seconds: float, rate: int = 24_000) -> None:
    await client.send(type="start", turn=turn, rate=rate)
    piece = rate // 5
    for place in range(0, round(seconds * rate), piece):
        await client.send_audio(pcm(min(piece, round(seconds * rate) - place) / rate, rate))
    await client.send(type="end", turn=turn)


async def test_a_turn_is_announced_followed_and_finished_once(folder: Path) -> None:
    async with connected(folder) as (harness, client):
        assert client.accepted is not None
        assert client.accepted["subprotocol"] == PROTOCOL
        ready = client.of("ready")[0]
        assert (ready["window_ms"], ready["frame_ms"]) == (round(1000 * WINDOW_S), 40)
        await speak(client, "greeting", 1.0)
        await client.wait(0.6)
        assert [message["turn"] for message in client.of("started")] == ["greeting"]
        assert client.of("finished") == []
        await client.wait(1.0)
        assert client.of("finished") == [
            {"type": "finished", "turn": "greeting", "played_ms": 1000, "interrupted": False}
        ]
        told = [message["played_ms"] for message in client.of("progress")]
        assert told == sorted(told)
        assert len(told) == 4
        assert max(harness.engine.streams[0].heard) > 25
        assert harness.value("speech_turns_total", outcome="played") == 1


@pytest.mark.parametrize("rate", [8_000, 16_000, 22_050, 44_100, 48_000])
async def test_every_rate_lasts_as_long_as_it_is(folder: Path, rate: int) -> None:
    async with connected(folder) as (_, client):
        await speak(client, "turn", 0.8, rate)
        await client.wait(1.2)
        assert abs(client.of("finished")[0]["played_ms"] - 800) <= 1


async def test_turns_are_played_in_their_order_without_being_waited_for(folder: Path) -> None:
    async with connected(folder) as (_, client):
        await speak(client, "first", 0.6)
        await speak(client, "second", 0.4)
        await client.wait(2.0)
        assert [(each["turn"], each["played_ms"]) for each in client.of("finished")] == [
            ("first", 600),
            ("second", 400),
        ]


async def test_a_cancelled_turn_says_how_far_it_came_and_nothing_of_it_is_heard_again(folder: Path) -> None:
    async with connected(folder) as (harness, client):
        await speak(client, "long", 5.0)
        await client.wait(1.0)
        last = client.of("progress")[-1]["played_ms"]
        await client.send(type="cancel", turn="long")
        finished = client.of("finished")
        assert [each["interrupted"] for each in finished] == [True]
        assert last <= finished[0]["played_ms"] <= 1000
        assert finished[0]["played_ms"] >= 1000 - LEAVING_MS
        await client.wait(1.0)
        assert len(client.of("finished")) == 1
        assert harness.engine.streams[0].resets == 1
        await client.send(type="cancel", turn="long")  # again: it is over, and that is no fault
        assert (client.of("finished"), client.errors) == (finished, [])


async def test_a_cancel_without_a_name_ends_every_turn(folder: Path) -> None:
    async with connected(folder) as (_, client):
        for turn in ("a", "b", "c"):
            await speak(client, turn, 1.0)
        await client.wait(0.5)
        await client.send(type="cancel")
        assert [(each["turn"], each["interrupted"]) for each in client.of("finished")] == [
            ("a", True),
            ("b", True),
            ("c", True),
        ]


async def test_an_interruption_by_http_ends_the_turn_and_late_audio_is_refused_once(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await pcm_session(harness)
        async with SpeechClient(harness, f"{url}/speech") as client:
            await client.send(type="start", turn="long", rate=24_000)
            await client.send_audio(pcm(1.0))
            await client.wait(0.5)
            assert (await harness.post(f"{url}/interrupt")).status_code == 204
            await settle()
            assert client.of("finished")[0]["interrupted"]
            for _ in range(3):
                await client.send_audio(pcm(0.2))
            assert len(client.errors) == 1
            assert "'long' has finished: start another one" in client.errors[0]
            await speak(client, "next", 0.2)
            await client.wait(1.0)
            assert client.of("finished")[-1] == {
                "type": "finished",
                "turn": "next",
                "played_ms": 200,
                "interrupted": False,
            }


async def test_what_is_pushed_faster_than_real_time_waits_in_a_window_and_then_in_the_network(folder: Path) -> None:
    async with connected(folder) as (harness, client):
        await client.send(type="start", turn="minute", rate=16_000)
        for _ in range(60):
            await client.send_audio(pcm(1.0, 16_000))
        assert client.unread >= 60 - WINDOW_S - 2
        await client.send(type="end", turn="minute")
        session = harness.server.ready()[1]
        assert next(iter(session._sessions.values())).session.report().buffered_s <= WINDOW_S
        await client.wait(62.0)
        assert client.of("finished")[0]["played_ms"] == 60_000
        assert client.errors == []


async def test_a_turn_without_an_end_is_ended_when_it_has_been_dry_for_long(folder: Path) -> None:
    async with connected(folder) as (_, client):
        await client.send(type="start", turn="forgotten", rate=24_000)
        await client.wait(3.0)
        assert client.of("finished") == []  # the first audio may take long
        await client.send_audio(pcm(0.4))
        await client.wait(1.5)
        assert client.of("finished") == []
        await client.wait(1.5)
        assert client.of("finished")[0] == {
            "type": "finished",
            "turn": "forgotten",
            "played_ms": 400,
            "interrupted": False,
        }
        assert "send end after its last audio" in client.errors[0]


async def test_a_dropped_socket_cancels_what_it_left_open_and_another_may_connect(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await pcm_session(harness)
        async with SpeechClient(harness, f"{url}/speech") as first:
            await speak(first, "complete", 0.4)
            await first.send(type="start", turn="open", rate=24_000)
            await first.send_audio(pcm(1.0))
        speech = harness.server.host().speaker(url.rpartition("/")[2]).queue
        assert speech.is_over("open")
        assert not speech.is_over("complete")  # all of it was there: it is still played
        async with SpeechClient(harness, f"{url}/speech") as second:
            await second.wait(1.0)
            assert [each["turn"] for each in second.of("finished")] == ["complete"]


async def test_a_second_socket_is_refused_and_the_first_goes_on(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await pcm_session(harness)
        async with SpeechClient(harness, f"{url}/speech") as first:
            async with SpeechClient(harness, f"{url}/speech") as second:
                assert second.closed is not None
                assert second.closed[0] == 4409
                assert "close that one first" in second.closed[1]
            await speak(first, "turn", 0.2)
            await first.wait(1.0)
            assert len(first.of("finished")) == 1


async def test_sessions_that_cannot_be_pushed_to_close_the_socket_with_a_reason(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        microphone = (await harness.join()).json()["url"]
        async with SpeechClient(harness, f"{microphone}/speech") as client:
            assert client.closed is not None
            assert client.closed[0] == 4409
            assert "'source': 'pcm'" in client.closed[1]
        async with SpeechClient(harness, "/api/sessions/nobody/speech") as client:
            assert client.closed is not None
            assert client.closed[0] == 4404


async def test_the_end_of_the_session_finishes_the_turns_and_closes_the_socket(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await pcm_session(harness)
        async with SpeechClient(harness, f"{url}/speech") as client:
            await speak(client, "a", 2.0)
            await speak(client, "b", 2.0)
            await client.wait(0.5)
            assert (await harness.delete(url)).status_code == 204
            await client.wait(0.5)
            assert [(each["turn"], each["interrupted"]) for each in client.of("finished")] == [("a", True), ("b", True)]
            assert client.closed == (1000, "the session has ended: left")


async def test_a_session_with_a_socket_is_not_idle(folder: Path) -> None:
    config = Config(webrtc=WebRtcConfig(idle_timeout_s=6))
    async with ServerHarness(folder, config) as harness:
        url = await pcm_session(harness)
        async with SpeechClient(harness, f"{url}/speech") as client:
            await client.wait(10)
            assert client.closed is None
        await client.wait(5)
        assert (await harness.get(url)).status_code == 200
        await client.wait(2)
        assert (await harness.get(url)).json()["reason"] == "idle"


async def test_pages_of_other_sites_may_not_open_it_unless_they_are_named(folder: Path) -> None:
    config = Config(server=ServerConfig(origins=("https://friend.example",)))
    async with ServerHarness(folder, config) as harness:
        url = await pcm_session(harness)
        for origin, welcome in (
            ("https://evil.example", False),
            ("http://lipcast", True),
            ("https://friend.example", True),
        ):
            async with SpeechClient(harness, f"{url}/speech", origin=origin) as client:
                assert (client.accepted is not None) is welcome
                assert client.refused == (None if welcome else 403)


async def test_sub_protocols(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await pcm_session(harness)
        async with SpeechClient(harness, f"{url}/speech", protocols=("graphql-ws",)) as client:
            assert client.closed is not None
            assert client.closed[0] == 1008
            assert PROTOCOL in client.closed[1]
        async with SpeechClient(harness, f"{url}/speech", protocols=()) as client:
            assert client.closed is None
            assert client.of("ready")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("[1]", "no 'type'"),
        ('{"type": 7}', "no 'type'"),
        ('{"type": "begin"}', "'start', 'end', 'cancel', 'say'"),
        ('{"type": "start", "turn": "t", "rate": 7999}', "8000 to 48000 Hz"),
        ('{"type": "start", "turn": "t", "rate": 48001}', "8000 to 48000 Hz"),
        ('{"type": "start", "turn": "t", "rate": "24000"}', "an integer, 8000 to 48000 Hz"),
        ('{"type": "start", "turn": "t"}', "an integer, 8000 to 48000 Hz"),
        ('{"type": "start", "rate": 24000}', "a string that names the turn"),
        ('{"type": "start", "turn": "", "rate": 24000}', "1 to 64"),
        (json.dumps({"type": "start", "turn": "x" * 65, "rate": 24_000}), "1 to 64"),
        ('{"type": "end", "turn": "never"}', "send start first"),
        ('{"type": "cancel", "turn": "never"}', "nothing to cancel"),
        ('{"type": "end", "turn": 5}', "a string, or left out"),
        ('{"type": "response.output_audio.delta", "item_id": "i", "delta": "?"}', "not base64"),
        ('{"type": "agent.speak", "audio": "QUJD"}', "even number"),
    ],
)
async def test_what_is_wrong_is_answered_with_a_way_out_and_the_socket_goes_on(
    folder: Path, text: str, expected: str
) -> None:
    async with connected(folder) as (_, client):
        await client.send_text(text)
        assert len(client.errors) == 1
        assert expected in client.errors[0]
        await speak(client, "fine", 0.2)
        await client.wait(1.0)
        assert [each["turn"] for each in client.of("finished")] == ["fine"]


async def test_a_name_is_used_for_one_turn_only(folder: Path) -> None:
    async with connected(folder) as (_, client):
        for _ in range(2):
            await speak(client, "same", 0.2)
            await client.wait(1.0)
        assert len(client.of("finished")) == 1
        assert "a name of its own" in client.errors[0]


async def test_odd_bytes_and_audio_outside_a_turn_are_refused(folder: Path) -> None:
    async with connected(folder) as (_, client):
        await client.send_audio(b"\0\0")
        await client.send_audio(b"\0\0")
        assert client.errors == ["audio outside a turn: send start first"]
        await client.send(type="start", turn="t", rate=24_000)
        await client.send_audio(b"\0\0\0")
        assert "3 bytes are no whole 16-bit samples" in client.errors[1]


async def test_messages_that_are_too_large_close_the_socket(folder: Path) -> None:
    for large in (b"\0" * (MAX_AUDIO_BYTES + 2), " " * (MAX_TEXT_BYTES + 1)):
        async with connected(folder) as (_, client):
            await client.send(type="start", turn="t", rate=24_000)
            await (client.send_text(large) if isinstance(large, str) else client.send_audio(large))
            assert client.closed is not None
            assert client.closed[0] == 1009
            assert "split it" in client.closed[1]
            assert client.of("finished")[0]["interrupted"]


async def test_a_program_with_too_many_errors_is_closed(folder: Path) -> None:
    async with connected(folder) as (_, client):
        for _ in range(MAX_ERRORS):
            await client.send_text("nonsense")
        assert client.closed is not None
        assert client.closed[0] == 1008


async def test_a_program_that_does_not_read_is_closed_and_its_turn_ends(folder: Path) -> None:
    async with connected(folder) as (harness, client):
        await client.send(type="start", turn="t", rate=8_000)
        client.reads.clear()
        for _ in range(70):
            await client.send_audio(pcm(0.5, 8_000))
            await client.wait(0.5)
        await client.wait(5.0)
        speech = harness.server.host().speaker(next(iter(harness.server.ready()[1]._sessions))).queue
        assert not speech.held
        assert speech.is_over("t")
        client.reads.set()
        await settle()
        assert client.closed is not None
        assert client.closed[0] == 1008
        assert "read the socket" in client.closed[1]


def base64_of(sound: bytes) -> str:
    return base64.b64encode(sound).decode()


async def test_openai_realtime_events_go_in_unread(folder: Path) -> None:
    async with connected(folder) as (_, client):
        for message in (
            {"type": "session.created"},
            {"type": "response.created"},
            {"type": "response.output_audio_transcript.delta", "delta": "Hel"},
            {"type": "rate_limits.updated"},
            {"type": "error", "error": {"message": "theirs"}},
        ):
            await client.send(**message)
        for _ in range(3):
            await client.send(type="response.output_audio.delta", item_id="item_1", delta=base64_of(pcm(0.2)))
        await client.send(type="response.output_audio.done", item_id="item_1")
        await client.send(type="response.output_audio.done", item_id="item_without_audio")
        await client.wait(1.2)
        await client.send(type="response.output_audio.delta", item_id="item_2", delta=base64_of(pcm(2.0)))
        await client.wait(1.0)
        await client.send(type="input_audio_buffer.speech_started", audio_start_ms=5)
        await client.send(type="response.output_audio.delta", item_id="item_2", delta=base64_of(pcm(0.2)))
        assert client.errors == []
        said = [each for each in client.said if each["type"] != "ready"]
        assert [(each["type"], each["item_id"]) for each in said] == [
            ("output_audio_buffer.started", "item_1"),
            ("output_audio_buffer.stopped", "item_1"),
            ("output_audio_buffer.started", "item_2"),
            ("output_audio_buffer.cleared", "item_2"),
            ("conversation.item.truncate", "item_2"),
        ]
        assert 700 <= said[-1]["audio_end_ms"] <= 1000
        assert said[-1]["content_index"] == 0


@pytest.mark.parametrize("ids", [True, False])
async def test_a_lite_client_is_served(folder: Path, ids: bool) -> None:
    def named(name: str) -> dict[str, str]:
        return {"event_id": name} if ids else {}

    async with connected(folder, protocols=(), query="dialect=liveavatar") as (_, client):
        assert list(client.said) == [{"type": "session.state_updated", "state": "connected"}]
        await client.send(type="session.keep_alive", **named("k"))
        for part in range(2):
            await client.send(type="agent.speak", audio=base64_of(pcm(0.3)), **named(f"part {part}"))
        await client.send(type="agent.speak_end", **named("utterance"))
        await client.send(type="agent.start_listening", **named("l"))
        await client.wait(1.2)
        await client.send(type="agent.speak", audio=base64_of(pcm(2.0)), **named("second"))
        await client.wait(1.0)
        await client.send(type="agent.interrupt", **named("stop"))
        spoken = [each for each in client.said if each["type"].startswith("agent.speak")]
        assert [each["type"] for each in spoken] == [
            "agent.speak_started",
            "agent.speak_ended",
            "agent.speak_started",
            "agent.speak_interrupted",
        ]
        if ids:
            assert [each["source_event_id"] for each in spoken] == ["utterance", "utterance", "second", "second"]
        assert client.errors == []


TURNS = st.lists(
    st.one_of(
        st.tuples(st.just("start"), st.integers(0, 6)),
        st.tuples(st.just("audio"), st.integers(1, 30)),
        st.tuples(st.just("end"), st.none() | st.integers(0, 6)),
        st.tuples(st.just("cancel"), st.none() | st.integers(0, 6)),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("interrupt"), st.none()),
        st.tuples(st.just("reconnect"), st.none()),
        st.tuples(st.just("garbage"), st.none()),
    ),
    min_size=5,
    max_size=40,
)


@settings(max_examples=8)
@given(steps=TURNS)
def test_whatever_a_program_does_every_turn_finishes_once_and_positions_never_run_back(
    folder: Path, steps: list[tuple[str, int | None]]
) -> None:
    asyncio.run(drive(folder, steps))


async def drive(folder: Path, steps: list[tuple[str, int | None]]) -> None:
    async with ServerHarness(folder) as harness:
        url = await pcm_session(harness)
        heard: list[dict[str, Any]] = []
        finished: list[str] = []
        started: set[str] = set()
        speech = harness.server.host().speaker(url.rpartition("/")[2]).queue
        speech.listen(lambda event: finished.append(event.turn) if isinstance(event, Finished) else None)
        client = await SpeechClient(harness, f"{url}/speech").__aenter__()
        for step, value in steps:
            before = len(client.errors)
            match step:
                case "start":
                    await client.send(type="start", turn=f"t{value}", rate=16_000)
                    started |= {f"t{value}"} if len(client.errors) == before and not client.unread else set()
                case "audio":
                    await client.send_audio(pcm(0.04 * (value or 1), 16_000))
                case "end" | "cancel":
                    await client.send(type=step, **({} if value is None else {"turn": f"t{value}"}))
                case "wait":
                    await client.wait(0.1 * (value or 1))
                case "interrupt":
                    await harness.post(f"{url}/interrupt")
                case "garbage":
                    await client.send_text("garbage")
                case "reconnect":
                    await client.drop()
                    heard += client.said
                    client = await SpeechClient(harness, f"{url}/speech").__aenter__()
        await client.wait(1)
        await harness.delete(url)
        await client.wait(1)
        await client.drop()
        heard += client.said
        assert sorted(finished) == sorted(set(finished))
        assert started <= set(finished)
        check_positions(heard)


def check_positions(heard: list[dict[str, Any]]) -> None:
    played: dict[str, int] = {}
    over: set[str] = set()
    for message in heard:
        if message["type"] in ("progress", "finished"):
            assert message["turn"] not in over
            assert message["played_ms"] >= played.get(message["turn"], 0)
            played[message["turn"]] = message["played_ms"]
        if message["type"] == "finished":
            over.add(message["turn"])
