"""The HTTP entrance: every route, every problem, and nothing left behind by those who come and go."""

from __future__ import annotations

import asyncio
import json
import math
import re
import shutil
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engines.face.avatar import FaceAvatar
from engines.loader import Presenters
from lipcast.testing import FakeClock, settle
from streamer.config import Config, ServerConfig, WebRtcConfig
from streamer.http.app import new_encoders
from streamer.http.requests import MAX_BODY
from streamer.http.security_headers import HEADERS
from streamer.threads import processors, thread_pool
from streamer.wiring import Runtime
from tests.streamer.server_harness import AVATAR, ServerHarness
from tests.streamer.webrtc.call import until
from tests.streamer.webrtc.offers import CHROMIUM, VIEWER

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

OFFER: dict[str, Any] = {"type": "offer", "sdp": CHROMIUM, "avatar": AVATAR}


def problem(response: httpx.Response) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/problem+json"
    body: dict[str, Any] = response.json()
    assert body["status"] == response.status_code
    assert body["type"] == "about:blank"
    assert body["title"]
    return body


async def advance(harness: ServerHarness, seconds: float) -> None:
    assert isinstance(harness.clock, FakeClock)
    await harness.clock.advance(seconds)


async def test_pages_and_assets(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        for path, kind in (("/", "text/html"), ("/watch/anything", "text/html"), ("/assets/app.js", "javascript")):
            answer = await harness.get(path)
            assert answer.status_code == 200
            assert kind in answer.headers["content-type"]


async def test_a_browser_asks_before_it_shows_what_it_has_kept(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        for path in ("/", "/watch/anything", "/assets/app.js", f"/api/avatars/{AVATAR}/preview.jpg"):
            assert (await harness.get(path)).headers["cache-control"] == "no-cache"
        kept = (await harness.get("/assets/app.js")).headers["etag"]
        again = await harness.get("/assets/app.js", headers={"If-None-Match": kept})
        assert (again.status_code, again.headers["cache-control"]) == (304, "no-cache")


async def test_every_answer_carries_the_security_headers(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        answers = [await harness.get(path) for path in ("/", "/assets/app.js", "/livez", "/nowhere", "/api/sessions/x")]
        for answer in [*answers, await harness.post("/api/sessions", content=b"nonsense")]:
            assert {name: answer.headers[name] for name in HEADERS} == HEADERS


async def test_what_the_page_needs_to_know(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        config = (await harness.get("/api/config")).json()
        assert (config["ice_servers"], config["frame_rate"], config["lookahead_ms"]) == ([], 25, 80)
        avatars = (await harness.get("/api/avatars")).json()["avatars"]
        assert [(avatar["name"], avatar["width"], avatar["ai_generated"]) for avatar in avatars] == [(AVATAR, 96, True)]
        preview = await harness.get(avatars[0]["preview"])
        assert preview.headers["content-type"] == "image/jpeg"
        assert preview.content.startswith(b"\xff\xd8")
        assert (await harness.get("/api/avatars/nobody/preview.jpg")).status_code == 404


async def test_it_is_live_at_once_and_ready_when_the_engine_is(folder: Path) -> None:
    gate = threading.Event()
    async with ServerHarness(folder, load=gate.wait) as harness:
        assert (await harness.get("/livez")).status_code == 200
        for answer in (await harness.get("/readyz"), await harness.get("/api/avatars"), await harness.join()):
            assert answer.status_code == 503
            assert "being loaded" in problem(answer)["detail"]
            assert answer.headers["retry-after"] == "1"
        gate.set()
        await harness.ready()
        assert (await harness.get("/readyz")).status_code == 200


async def test_a_server_that_cannot_load_says_why(folder: Path) -> None:
    def fail() -> None:
        raise OSError("the weights are not there; fetch them")

    async with ServerHarness(folder, load=fail) as harness:
        await harness.ready()
        assert (await harness.get("/")).status_code == 200
        answer = await harness.get("/readyz")
        assert "the weights are not there; fetch them" in problem(answer)["detail"]
        assert "retry-after" not in answer.headers


async def test_a_session_is_made_seen_muted_interrupted_and_ended(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        made = await harness.join()
        body = made.json()
        assert made.status_code == 201
        assert made.headers["location"] == body["url"] == f"/api/sessions/{body['id']}"
        assert body["sdp"].startswith("v=0")
        assert (await harness.get(body["url"])).json()["state"] == "connecting"
        assert (await harness.patch(body["url"], json={"muted": True})).json()["muted"] is True
        assert (await harness.patch(body["url"], json={"muted": False})).json()["muted"] is False
        assert (await harness.post(body["url"] + "/interrupt")).status_code == 204
        assert harness.value("sessions") == 1
        assert (await harness.delete(body["url"])).status_code == 204
        await settle()
        for answer in (await harness.delete(body["url"]), await harness.get(body["url"])):
            assert answer.status_code == 410
        assert harness.value("sessions") == 0
        assert harness.value("session_ends_total", reason="left") == 1


async def test_addresses_cannot_be_guessed(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        bodies = [(await harness.join()).json() for _ in range(3)]
        assert len({body["id"] for body in bodies} | {body["watch_url"] for body in bodies}) == 6
        assert all(re.fullmatch(r"[\w-]{22}\.[\w-]{22}", body["id"]) for body in bodies)
        for body in bodies:
            watch_id = body["watch_url"].rpartition("/")[2]
            assert (await harness.get(f"/api/sessions/{watch_id}")).status_code == 404
            assert watch_id not in body["id"]


async def test_who_comes_back_takes_their_own_place_again(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1))) as harness:
        await harness.ready()
        first = (await harness.join()).json()
        second = (await harness.join(previous=first["id"])).json()
        assert second["watch_url"] == first["watch_url"]
        assert second["id"] != first["id"]
        assert (await harness.get(first["url"])).status_code == 410
        assert harness.value("session_ends_total", reason="replaced") == 1


@pytest.mark.parametrize(
    ("changes", "status", "said"),
    [
        pytest.param({"type": "answer"}, 400, "'type'", id="not an offer"),
        pytest.param({"type": None}, 400, "'type'", id="no type"),
        pytest.param({"sdp": None}, 400, "'sdp'", id="no SDP"),
        pytest.param({"sdp": 7}, 400, "'sdp'", id="a number for SDP"),
        pytest.param({"avatar": None}, 400, "'avatar'", id="no avatar"),
        pytest.param({"avatar": "nobody"}, 404, "tiny", id="an unknown avatar"),
        pytest.param({"avatar": "../tiny"}, 404, "tiny", id="a path for an avatar"),
        pytest.param({"sdp": "hello"}, 422, "v=0", id="not SDP"),
        pytest.param({"sdp": VIEWER}, 422, "microphone", id="no microphone"),
        pytest.param({"sdp": "v=0\r\n" + "a" * 65_536}, 413, "64 KiB", id="too large an SDP"),
        pytest.param({"sdp": "v=0\r\nm=\ud800"}, 422, "lone surrogate", id="a lone surrogate"),
        pytest.param(
            {"sdp": CHROMIUM.replace("BUNDLE 0", "BUNDLE \ud800").replace("mid:0", "mid:\ud800")},
            422,
            "lone surrogate",
            id="a lone surrogate for a mid",
        ),
        pytest.param({"avatar": "\ud800"}, 404, "tiny", id="a lone surrogate for an avatar"),
        pytest.param({"previous": "x"}, 400, "'previous'", id="a strange previous id"),
        pytest.param({"previous": None}, 400, "'previous'", id="no previous id"),
    ],
)
async def test_offers_that_are_refused(folder: Path, changes: dict[str, Any], status: int, said: str) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        answer = await harness.join(**changes)
        assert answer.status_code == status
        assert said in problem(answer)["detail"]
        assert harness.value("sessions") == 0


@pytest.mark.parametrize(
    ("content", "content_type", "status"),
    [
        (b"{}", "text/plain", 415),
        (b"{}", "application/sdp", 415),
        (b"{}", None, 415),
        (b"", "application/json", 400),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 400),
        (b'"offer"', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"[" * 50_000, "application/json", 400),
        (b" " * (MAX_BODY + 1), "application/json", 413),
        (b"{}", "application/json; charset=utf-8", 400),
    ],
)
async def test_bodies_that_are_refused(folder: Path, content: bytes, content_type: str | None, status: int) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        headers = {"content-type": content_type} if content_type else {}
        answer = await harness.post("/api/sessions", content=content, headers=headers)
        assert answer.status_code == status
        problem(answer)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/assets/../app.py", 404),
        ("GET", "/assets/%2e%2e/app.py", 404),
        ("GET", "/api/sessions", 405),
        ("PUT", "/api/sessions/x", 405),
        ("GET", "/api/sessions/x", 404),
        ("DELETE", "/api/sessions/x", 404),
        ("PATCH", "/api/sessions/x", 404),
        ("POST", "/api/sessions/x/interrupt", 404),
        ("POST", "/api/watch/x", 404),
        ("DELETE", "/api/watch/x/y", 404),
        ("DELETE", "/", 405),
    ],
)
async def test_addresses_that_are_refused(folder: Path, method: str, path: str, status: int) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        answer = await harness.client.request(method, path)
        assert answer.status_code == status
        problem(answer)


async def test_mute_must_be_said_with_a_truth_value(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        url = (await harness.join()).json()["url"]
        for body in ({}, {"muted": 1}, {"muted": "yes"}, {"muted": None}):
            assert (await harness.patch(url, json=body)).status_code == 400


async def test_a_session_that_ends_while_it_is_muted_is_not_found_and_leaves_nothing(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        url = (await harness.join()).json()["url"]
        sessions = harness.server.ready()[1]

        async def slowly() -> AsyncIterator[bytes]:
            yield b'{"muted":'
            await harness.delete(url)
            await harness.pass_until(lambda: len(sessions) == 0)
            yield b" true}"

        answer = await harness.patch(url, content=slowly(), headers={"content-type": "application/json"})
        assert answer.status_code == 410
        assert sessions._pool._assignments == {}


async def test_beyond_the_last_place_it_is_full_until_somebody_leaves(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=2))) as harness:
        await harness.ready()
        urls = [(await harness.join()).json()["url"] for _ in range(2)]
        answer = await harness.join()
        assert answer.status_code == 503
        assert int(answer.headers["retry-after"]) > 0
        assert "2 of 2" in problem(answer)["detail"]
        assert harness.value("joins_total", outcome="Full") == 1
        await harness.delete(urls[0])
        await settle()
        assert (await harness.join()).status_code == 201


async def test_offers_at_the_same_moment_do_not_get_beyond_the_last_place(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=2))) as harness:
        await harness.ready()
        answers = await asyncio.gather(*(harness.join() for _ in range(6)))
        assert sorted(answer.status_code for answer in answers) == [201, 201, 503, 503, 503, 503]


async def test_a_refused_offer_takes_no_place(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1))) as harness:
        await harness.ready()
        for _ in range(3):
            assert (await harness.join(sdp="v=0")).status_code == 422
        assert (await harness.join()).status_code == 201


async def test_a_peer_that_posts_and_vanishes_is_forgotten(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        url = (await harness.join()).json()["url"]
        await advance(harness, harness.server.config.webrtc.connect_timeout_s - 1)
        assert (await harness.get(url)).status_code == 200
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await harness.get(url)).status_code == 410
        assert harness.value("session_ends_total", reason="connect-timeout") == 1


async def test_a_session_that_breaks_does_not_disturb_the_others(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        whole, broken = (await harness.join()).json(), (await harness.join()).json()
        harness.engine.faulty = [harness.engine.streams[1]]
        await harness.pass_until(lambda: harness.value("sessions") == 1)
        assert (await harness.get(broken["url"])).status_code == 410
        heard = len(harness.engine.streams[0].heard)
        await harness.pass_until(lambda: len(harness.engine.streams[0].heard) > heard + 5)
        assert (await harness.get(whole["url"])).json()["state"] == "connecting"
        assert harness.value("session_ends_total", reason="error") == 1
        assert "session broke" in caplog.text
        assert not any(broken["id"] in each.getMessage() for each in caplog.records if each.name.startswith("streamer"))


async def test_an_engine_that_breaks_does_not_end_the_server(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        await harness.join()
        harness.engine.faulty, harness.engine.fault = [harness.engine.streams[0]], MemoryError("out of memory")
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await harness.join()).status_code == 201
        assert (await harness.get("/readyz")).status_code == 200


async def test_viewers_come_and_go(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        answer = await harness.watch(session["watch_url"])
        assert answer.status_code == 201
        assert answer.headers["location"] == answer.json()["url"]
        assert (await harness.get(session["url"])).json()["viewers"] == harness.value("viewers") == 1
        assert (await harness.delete(answer.json()["url"])).status_code == 204
        assert (await harness.delete(answer.json()["url"])).status_code == 404
        assert (await harness.get(session["url"])).json()["viewers"] == harness.value("viewers") == 0


async def test_viewers_are_so_many_and_no_more(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_viewers=1))) as harness:
        await harness.ready()
        url = (await harness.join()).json()["watch_url"]
        assert (await harness.watch(url)).status_code == 201
        answer = await harness.watch(url)
        assert answer.status_code == 503
        assert "retry-after" in answer.headers


async def test_a_viewer_whose_offer_is_refused_takes_no_place(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_viewers=1))) as harness:
        await harness.ready()
        url = (await harness.join()).json()["watch_url"]
        assert (await harness.watch(url, sdp="v=0")).status_code == 422
        assert harness.value("viewers") == 0
        assert (await harness.watch(url)).status_code == 201


async def test_a_viewer_who_never_connects_is_forgotten(folder: Path) -> None:
    patient = WebRtcConfig(connect_timeout_s=2.0, idle_timeout_s=100.0)
    async with ServerHarness(folder, Config(webrtc=patient)) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        assert harness.server.sessions is not None
        harness.server.sessions.find(session["id"]).session.connected()
        await harness.watch(session["watch_url"])
        await advance(harness, 1.5)
        assert harness.value("viewers") == 1
        await harness.pass_until(lambda: harness.value("viewers") == 0)
        assert (await harness.get(session["url"])).json()["state"] == "live"


async def test_when_the_speaker_leaves_the_viewers_are_told(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        await harness.watch(session["watch_url"])
        await harness.delete(session["url"])
        await settle()
        assert harness.value("viewers") == 0
        assert (await harness.watch(session["watch_url"])).status_code == 410


@pytest.mark.slow
async def test_many_joins_and_leaves_leave_nothing(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        before = len(asyncio.all_tasks())
        for _ in range(20):
            session = (await harness.join()).json()
            await harness.watch(session["watch_url"])
            await harness.delete(session["url"])
            await harness.pass_until(lambda: len(harness.server.sessions or ()) == 0)
        await harness.pass_until(lambda: len(asyncio.all_tasks()) <= before)
        assert harness.value("viewers") == 0


async def test_a_server_that_stops_ends_its_sessions(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        await harness.watch(session["watch_url"])
    assert harness.value("sessions") == 0
    assert harness.value("session_ends_total", reason="server-stopped") == 1


async def break_down() -> None:
    raise RuntimeError("broken")


async def hang() -> None:
    await asyncio.Event().wait()


@pytest.mark.parametrize("closing", [break_down, hang])
async def test_a_connection_that_cannot_be_closed_is_abandoned_and_the_server_goes_on(
    folder: Path,
    closing: Callable[[], Awaitable[None]],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("streamer.server.sessions.CLOSE_TIMEOUT_S", 0.05)
    async with ServerHarness(folder) as harness:
        await harness.ready()
        session = (await harness.join()).json()
        place = harness.server.ready()[1].find(session["id"])
        monkeypatch.setattr(place.peer, "close", closing)
        await harness.watch(session["watch_url"])
        await harness.delete(session["url"])
        await until(place.closed.is_set)
        assert (await harness.get("/readyz")).status_code == 200
        assert (await harness.join()).status_code == 201
    assert "a connection" in caplog.text


async def test_who_joins_while_the_server_begins_to_stop_is_refused(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        sessions = harness.server.sessions
        assert sessions is not None
        joining = asyncio.create_task(harness.join())
        await until(lambda: sessions._reserved)
        await sessions.drain()
        answer = await joining
        assert answer.status_code == 503
        assert "shutting down" in problem(answer)["detail"]
        assert (await harness.join()).status_code == 503
        assert "shutting down" in problem(await harness.get("/readyz"))["detail"]
        assert (await harness.get("/livez")).status_code == 200


class BrokenPresenters(Presenters):
    def load(self, name: str) -> FaceAvatar:
        raise RuntimeError("secret/path is damaged")


async def test_what_nobody_thought_of_is_a_problem_that_tells_nothing(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        harness.server.runtime = Runtime(harness.engine, BrokenPresenters(folder))
        answer = await harness.join()
        assert answer.status_code == 500
        assert "secret" not in json.dumps(problem(answer))
        assert harness.value("joins_total", outcome="RuntimeError") == 1


async def test_a_presenter_is_prepared_before_their_session_begins(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        await harness.join()
        assert [avatar.name for avatar in harness.engine.prepared] == ["tiny"]


def test_pictures_are_encoded_on_all_processors_and_sound_beside_them() -> None:
    encoders = new_encoders(thread_pool)
    threads = max(2, math.ceil(processors()))
    together = threading.Barrier(threads + 1)
    begun = [encoders.video.submit(together.wait, 10) for _ in range(threads)]
    begun.append(encoders.audio.submit(together.wait, 10))
    assert sorted(one.result() for one in begun) == list(range(threads + 1))
    encoders.close()


async def test_metrics_are_shown(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        await harness.join()
        await harness.join(avatar="nobody")
        text = (await harness.get("/metrics")).text
        assert "lipcast_sessions 1.0" in text
        assert 'lipcast_joins_total{outcome="ok"} 1.0' in text
        assert 'lipcast_joins_total{outcome="UnknownPresenter"} 1.0' in text
        for name in ("join_seconds", "mic_to_frame_seconds", "av_offset_seconds", "jitter_buffer_seconds"):
            assert f"# TYPE lipcast_{name} histogram" in text


async def test_logs_show_no_offer_and_no_address(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG", "streamer"):
        async with ServerHarness(folder) as harness:
            await harness.ready()
            session = (await harness.join()).json()
            viewer = (await harness.watch(session["watch_url"])).json()
            await harness.join(sdp=CHROMIUM.replace("m=video", "m=audio"))
            await harness.delete(viewer["url"])
            await harness.delete(session["url"])
    told = "\n".join(f"{record.getMessage()} {vars(record)}" for record in caplog.records if "streamer" in record.name)
    assert "session begins" in told
    watch_id, viewer_id = session["watch_url"].rpartition("/")[2], viewer["url"].rpartition("/")[2]
    for secret in (session["id"], watch_id, viewer_id, "a=ice-pwd", "a=fingerprint", "a=candidate"):
        assert secret not in told


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
almost_offers = st.fixed_dictionaries(
    {},
    optional={
        "type": st.just("offer") | json_values,
        "sdp": st.text(max_size=60) | st.just(CHROMIUM[:2000]) | json_values,
        "avatar": st.just(AVATAR) | json_values,
        "previous": json_values,
        "muted": json_values,
    },
)
bodies = st.one_of(st.binary(max_size=100), (json_values | almost_offers).map(lambda value: json.dumps(value).encode()))
parts = st.sampled_from(["api", "sessions", "watch", "assets", "avatars", "..", "%00", "%2f", "%ff", "x" * 300, ""])
paths = st.one_of(
    st.sampled_from(["/api/sessions", "/api/sessions/x", "/api/watch/x", "/api/sessions/x/interrupt", "/api/config"]),
    st.lists(parts, max_size=5).map(lambda names: "/" + "/".join(names)),
)
requests = st.tuples(
    st.sampled_from(["GET", "POST", "PATCH", "DELETE", "PUT", "OPTIONS", "HEAD"]),
    paths,
    bodies,
    st.sampled_from(["application/json", "application/json;", "text/plain", "", ";;"]),
)


@pytest.mark.slow
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(several=st.lists(requests, min_size=5, max_size=20))
async def test_nothing_that_is_sent_breaks_it(folder: Path, several: list[tuple[str, str, bytes, str]]) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        for method, path, content, kind in several:
            answer = await harness.client.request(method, path, content=content, headers={"content-type": kind})
            assert answer.status_code < 500


async def test_below_a_prefix_every_link_carries_it_and_the_page_is_based_there(folder: Path) -> None:
    """As uvicorn presents a request that a proxy passed on without the prefix."""
    async with ServerHarness(folder) as harness:
        await harness.ready()
        transport = httpx.ASGITransport(harness.app, root_path="/lipcast")
        async with httpx.AsyncClient(transport=transport, base_url="http://lipcast") as client:
            page = (await client.get("/lipcast/")).text
            assert '<base href="/lipcast/">' in page
            assert '="/' not in page.replace('<base href="/lipcast/">', "")
            assert (await client.get("/lipcast/assets/app.js")).status_code == 200
            avatars = (await client.get("/lipcast/api/avatars")).json()["avatars"]
            assert avatars[0]["preview"].startswith("/lipcast/api/avatars/")
            made = await client.post("/lipcast/api/sessions", json={"avatar": "tiny", "source": "pcm"})
            assert made.headers["location"].startswith("/lipcast/api/sessions/")
            assert made.json()["watch_url"].startswith("/lipcast/watch/")
            assert (await client.get(made.json()["url"])).status_code == 200


@pytest.fixture
def own_folder(folder: Path, tmp_path: Path) -> Path:
    """Presenters that a test may damage."""
    return Path(shutil.copytree(folder, tmp_path / "presenters"))


async def test_a_damaged_presenter_is_skipped_and_the_others_are_shown(
    own_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (own_folder / "damaged").mkdir()
    (own_folder / "damaged" / "avatar.json").write_text('{"format": 1, "name": ')
    async with ServerHarness(own_folder) as harness:
        await harness.ready()
        found = (await harness.get("/api/avatars")).json()
        assert [avatar["name"] for avatar in found["avatars"]] == ["tiny"]
        assert found["skipped"] == ["damaged"]
        assert (await harness.join()).status_code == 201
    assert "presenter 'damaged' is skipped" in caplog.text


@pytest.mark.parametrize(("change", "shown"), [({"title": "\ud800"}, False), ({"name": "../../x"}, True)])
async def test_a_presenter_has_the_name_of_its_folder_and_is_skipped_if_its_title_cannot_be_told(
    own_folder: Path, change: dict[str, str], shown: bool
) -> None:
    shutil.copytree(own_folder / "tiny", own_folder / "odd")
    manifest = json.loads((own_folder / "odd" / "avatar.json").read_text()) | {"name": "odd"} | change
    (own_folder / "odd" / "avatar.json").write_text(json.dumps(manifest))
    async with ServerHarness(own_folder) as server:
        await server.ready()
        found = (await server.get("/api/avatars")).json()
        assert ("odd" in [avatar["name"] for avatar in found["avatars"]], "odd" in found["skipped"]) == (
            shown,
            not shown,
        )


async def test_a_presenter_whose_loop_is_damaged_is_refused_without_a_path(own_folder: Path) -> None:
    (own_folder / "tiny" / "loop.mp4").write_bytes(b"no video")
    async with ServerHarness(own_folder) as server:
        await server.ready()
        answer = await server.join()
        assert (answer.status_code, answer.json()["title"]) == (500, "The presenter is damaged")
        assert str(own_folder) not in answer.text
