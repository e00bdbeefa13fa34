"""WHIP: what publishers ask for, what they are told, and publishers whose voice drives a presenter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from streamer.config import Config, IceServer, ServerConfig, WebRtcConfig
from streamer.webrtc.offer import SPEAKER, check_offer
from tests.streamer.http.test_app import problem
from tests.streamer.http.test_whep import FRAGMENT, PAGE, SDP, play
from tests.streamer.server_harness import AVATAR, ServerHarness
from tests.streamer.webrtc.offers import CHROMIUM, candidate, joined, lines, replace, section, without
from tests.streamer.webrtc.publishers import FFMPEG, LAYERS, OBS, OBS_AV1, OBS_SIMULCAST

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

URL = f"/api/whip?avatar={AVATAR}"
BROWSER = CHROMIUM.replace("a=sendrecv", "a=sendonly").replace("a=recvonly", "a=sendonly")
HIGH_PROFILE = replace("profile-level-id=42e01f", "profile-level-id=640032")(OBS)
ONLY_AUDIO = OBS[: OBS.index("m=video")].replace("BUNDLE 0 1", "BUNDLE 0").replace("a=group:LS 0 1\r\n", "")


async def publish(harness: ServerHarness, offer: str = OBS, url: str = URL, **headers: str) -> httpx.Response:
    await harness.ready()
    return await harness.post(url, content=offer, headers=SDP | headers)


def links(response: httpx.Response) -> dict[str, str]:
    """Relation → target, of the Link headers."""
    values = [value.split("; ") for value in response.headers.get_list("link")]
    return {parts[1].removeprefix('rel="').removesuffix('"'): parts[0].strip("<>") for parts in values}


def video_of(answer: str) -> list[str]:
    return lines("m=video" + answer.partition("m=video")[2])


@pytest.mark.parametrize(
    ("offer", "setup"),
    [
        pytest.param(OBS, "passive", id="OBS"),
        pytest.param(OBS_SIMULCAST, "passive", id="OBS, three layers"),
        pytest.param(OBS_AV1, "passive", id="OBS, AV1"),
        pytest.param(HIGH_PROFILE, "passive", id="H.264, high profile"),
        pytest.param(FFMPEG, "active", id="FFmpeg"),
        pytest.param(BROWSER, "passive", id="Chromium"),
        pytest.param(ONLY_AUDIO, "passive", id="audio alone"),
    ],
)
async def test_a_publisher_gets_a_session_and_is_told_where_it_is_watched(folder: Path, offer: str, setup: str) -> None:
    async with ServerHarness(folder) as harness:
        made = await publish(harness, offer)
        assert made.status_code == 201
        assert made.headers["content-type"].startswith("application/sdp")
        assert "etag" not in made.headers
        sections = made.text.count("\r\nm=")
        assert sections == offer.count("\r\nm=")
        assert made.text.count("a=recvonly") == made.text.count(f"a=setup:{setup}") == sections
        session = next(iter(harness.server.ready()[1]._sessions.values()))
        assert made.headers["location"] == f"/api/whip/{session.id}"
        watch = f"/watch/{session.watch_id}"
        assert links(made) == {"urn:lipcast:watch": watch, "urn:lipcast:whep": f"/api{watch}/whep"}
        assert (await play(harness, links(made)["urn:lipcast:whep"])).status_code == 201
        assert (await harness.get(made.headers["location"])).status_code == 204
        seen = (await harness.get(f"/api/sessions/{session.id}")).json()
        assert (seen["source"], seen["viewers"], seen["avatar"]) == ("rtp", 1, AVATAR)


async def test_the_answer_accepts_the_video_that_is_offered(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=4))) as harness:
        layers = video_of((await publish(harness, OBS_SIMULCAST)).text)
        assert layers[-4:] == [line.replace("send", "recv") for line in LAYERS]
        av1 = video_of((await publish(harness, OBS_AV1)).text)
        assert [line for line in av1 if line.startswith("a=rtpmap:")] == ["a=rtpmap:96 AV1/90000"]
        high = video_of((await publish(harness, HIGH_PROFILE)).text)
        assert "a=rtpmap:96 H264/90000" in high
        assert any("profile-level-id=640032" in line for line in high)
        ffmpeg = video_of((await publish(harness, FFMPEG)).text)
        assert ffmpeg[0].split(" ")[3:] == ["106"]  # repairs of a video that is dropped are not wanted


async def test_a_publisher_ends_its_session_and_viewers_are_told(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        made = await publish(harness)
        player = links(made)["urn:lipcast:whep"]
        assert (await play(harness, player)).status_code == 201
        assert (await harness.delete(made.headers["location"])).status_code == 200
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert harness.value("session_ends_total", reason="left") == 1
        for gone in (await harness.delete(made.headers["location"]), await harness.get(made.headers["location"])):
            assert gone.status_code == 410
        assert "the speaker has left" in problem(await play(harness, player))["detail"]
        assert (await harness.delete("/api/whip/nobody")).status_code == 404


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        (section("audio", replace("a=sendonly", "a=recvonly")), 422, "must send the microphone's track"),
        (replace("opus/48000/2", "PCMU/8000"), 422, "no Opus"),
        (section("video", without("a=rtcp-mux")), 422, "the video section must use rtcp-mux"),
        (section("video", without("a=rtpmap")), 422, "or send audio alone"),
        (replace("a=rtpmap:96 H264", "a=rtpmap:96 rtx"), 422, "or send audio alone"),
        (lambda offer: offer + "a=rid:a\x00b send\r\n", 422, "letters, digits"),
        (lambda offer: offer + "a=simulcast:send <script>\r\n", 422, "'send high;low' is expected"),
        (lambda offer: offer + offer[offer.index("m=video") :], 422, "at most one of video"),
        (lambda offer: offer + offer[offer.index("m=audio") :], 422, "one of audio is expected"),
        (replace("a=setup:actpass", "a=setup:x"), 422, "actpass, active, passive is expected"),
        (without("a=ice-ufrag"), 422, "could not be negotiated"),
        (lambda _: "v=0", 422, "one of audio is expected"),
        (lambda _: "nonsense", 400, "begins with 'nonsense'"),
    ],
)
async def test_hostile_offers_take_no_slot(folder: Path, change: Callable[[str], str], status: int, why: str) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1))) as harness:
        refused = await publish(harness, change(OBS))
        assert refused.status_code == status
        assert why in problem(refused)["detail"]
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        assert (await publish(harness)).status_code == 201


async def test_the_presenter_must_be_named_and_known(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        unnamed = await publish(harness, url="/api/whip")
        assert (unnamed.status_code, f"there are: {AVATAR}" in problem(unnamed)["detail"]) == (400, True)
        unknown = await publish(harness, url="/api/whip?avatar=nobody")
        assert (unknown.status_code, "nobody" in problem(unknown)["detail"]) == (404, True)
        assert harness.value("joins_total", outcome="BadRequest") == 1


async def test_a_full_server_says_when_to_come_back(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1))) as harness:
        assert (await publish(harness)).status_code == 201
        refused = await publish(harness)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")


async def test_a_publisher_that_comes_back_keeps_its_viewers_link(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_sessions=1))) as harness:
        first = await publish(harness)
        previous = first.headers["location"].removeprefix("/api/whip/")
        again = await publish(harness, url=f"{URL}&previous={previous}")
        assert (again.status_code, links(again)) == (201, links(first))
        assert again.headers["location"] != first.headers["location"]


async def test_candidates_may_follow_and_restarts_are_refused(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        location = (await publish(harness)).headers["location"]
        mine = ["a=ice-ufrag:dYzO", "a=ice-pwd:ps1vUWzxq0fP9hTFTEV2rA", "m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0"]
        body = joined([*mine, candidate("127.0.0.1"), "a=end-of-candidates"])
        assert (await harness.patch(location, content=body, headers=FRAGMENT)).status_code == 204
        restart = joined(["a=ice-ufrag:new1", "a=ice-pwd:new1new1new1new1new1new1"])
        assert (await harness.patch(location, content=restart, headers=FRAGMENT)).status_code == 422
        assert (await harness.get(location)).status_code == 204
        assert (await harness.patch("/api/whip/nobody", content=body, headers=FRAGMENT)).status_code == 404


async def test_pages_elsewhere_publish_where_they_are_named(folder: Path) -> None:
    named = Config(
        server=ServerConfig(origins=(PAGE["origin"],)),
        webrtc=WebRtcConfig(ice_servers=(IceServer(("stun:a.example",)),)),
    )
    asked = {"access-control-request-method": "POST"} | PAGE
    async with ServerHarness(folder) as harness:
        assert "access-control-allow-origin" not in (await harness.client.options(URL, headers=asked)).headers
    async with ServerHarness(folder, named) as harness:
        preflight = await harness.client.options(URL, headers=asked)
        assert preflight.headers["access-control-allow-origin"] == PAGE["origin"]
        assert preflight.headers["vary"] == "Origin"
        made = await publish(harness, **PAGE)
        assert made.headers["access-control-allow-origin"] == PAGE["origin"]
        assert links(made)["ice-server"] == "stun:a.example"
        asked_plainly = await harness.client.options(URL)
        assert asked_plainly.headers["accept-post"] == "application/sdp"
        assert links(asked_plainly) == {"ice-server": "stun:a.example"}
        assert (await harness.client.put(URL)).headers["allow"] == "POST, OPTIONS, GET, HEAD"


def test_the_library_never_sees_the_publishers_video_codec() -> None:
    checked = check_offer(OBS_AV1, SPEAKER, allow_loopback=True)
    assert "AV1" not in checked.sdp
    assert "a=rtpmap:96 VP8/90000" in checked.sdp
    assert checked.accepted_video == ("a=rtpmap:96 AV1/90000",)
    assert checked.video_in
