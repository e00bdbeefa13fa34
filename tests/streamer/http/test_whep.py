"""WHEP: what players ask for, what they are told, and a player that watches by it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from streamer.clock import MonotonicClock
from streamer.config import Config, IceServer, ServerConfig, WebRtcConfig
from streamer.errors import Elsewhere
from streamer.http import whep
from streamer.http.sdp_requests import ice_link
from streamer.server.host import Answer
from streamer.webrtc.offer import Wants
from tests.streamer.http.test_app import problem
from tests.streamer.server_harness import AVATAR, ServerHarness
from tests.streamer.webrtc.call import Client, until
from tests.streamer.webrtc.offers import VIEWER, candidate, joined, lines, replace, section, without

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

SDP = {"content-type": "application/sdp"}
FRAGMENT = {"content-type": "application/trickle-ice-sdpfrag"}
PAGE = {"origin": "https://player.example"}
RELAY = IceServer(("turn:relay.example:3478?transport=udp", "stun:relay.example"), 'us"er', "pässword")


async def endpoint(harness: ServerHarness) -> str:
    """The WHEP address of a new session, which needs no client."""
    await harness.ready()
    made = await harness.post("/api/sessions", json={"source": "pcm", "avatar": AVATAR})
    return f"/api{made.json()['watch_url']}/whep"


async def play(harness: ServerHarness, url: str, offer: str = VIEWER, **headers: str) -> httpx.Response:
    return await harness.post(url, content=offer, headers=SDP | headers)


def as_sent(header: str) -> str:
    """What a client reads that takes headers for UTF-8."""
    return header.encode("latin-1").decode()


def credentials(offer: str) -> list[str]:
    """The first section's, as a fragment repeats them."""
    return [next(line for line in lines(offer) if line.startswith(f"a=ice-{name}:")) for name in ("ufrag", "pwd")]


async def test_a_player_gets_an_answer_and_an_address_of_its_own(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await endpoint(harness)
        made = await play(harness, url)
        assert made.status_code == 201
        assert made.headers["content-type"].startswith("application/sdp")
        assert made.headers["location"].startswith(url + "/")
        assert "etag" not in made.headers  # there are no ICE restarts
        assert made.text.count("a=sendonly") == 2
        assert made.text.count("a=setup:passive") == 2  # Chromium leaves the choice
        streams = {line.split()[0] for line in lines(made.text) if line.startswith("a=msid:")}
        assert len(streams) == 1  # one stream, or a player may not synchronise them
        assert (await harness.get(made.headers["location"])).status_code == 204
        assert harness.value("viewers") == 1


async def test_a_player_leaves_once(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        made = await play(harness, await endpoint(harness))
        left = await harness.delete(made.headers["location"], headers={"if-match": '"any"'})  # which counts for nothing
        assert left.status_code == 200
        assert harness.value("viewers") == 0
        for again in (await harness.delete(made.headers["location"]), await harness.get(made.headers["location"])):
            assert again.status_code == 404
            assert "it has left already" in problem(again)["detail"]


@pytest.mark.parametrize(
    ("change", "status", "why"),
    [
        (lambda _: "", 400, "begins with ''"),
        (lambda _: "<html>", 400, "begins with '<html>'"),
        (lambda offer: offer + "a=" + "x" * 70_000, 413, "more than 64 KiB"),
        (section("audio", replace("a=recvonly", "a=sendonly")), 422, "sendrecv or recvonly is expected"),
        (section("video", replace("a=recvonly", "a=inactive")), 422, "sendrecv or recvonly is expected"),
        (replace("a=setup:actpass", "a=setup:holdconn"), 422, "actpass, active, passive is expected"),
        (without("a=fingerprint"), 422, "has no a=fingerprint"),
        (without("a=group:"), 422, "BUNDLE"),
    ],
)
async def test_an_offer_that_cannot_be_served_is_refused(
    folder: Path, change: Callable[[str], str], status: int, why: str
) -> None:
    async with ServerHarness(folder) as harness:
        refused = await play(harness, await endpoint(harness), change(VIEWER), **PAGE)
        assert refused.status_code == status
        assert why in problem(refused)["detail"]
        assert refused.headers["access-control-allow-origin"] == "*"  # a page elsewhere can show why
        assert harness.value("viewers") == 0


async def test_blank_lines_before_the_offer_and_lone_line_feeds_do_no_harm(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await endpoint(harness)
        assert (await play(harness, url, "\r\n\n" + VIEWER.replace("\r\n", "\n"))).status_code == 201


async def test_other_bodies_and_addresses_are_refused(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await endpoint(harness)
        other = await harness.post(url, json={"sdp": VIEWER})
        assert other.status_code == 415
        assert problem(other)["detail"] == "the Content-Type is application/json; application/sdp is expected"
        assert (await harness.post(url, content=b"\xff", headers=SDP)).status_code == 400
        assert (await play(harness, "/api/watch/nobody/whep")).status_code == 404
        for address, allowed in ((url, "POST, OPTIONS, GET, HEAD"), (f"{url}/x", "PATCH, DELETE, OPTIONS, GET, HEAD")):
            refused = await harness.client.put(address, headers=PAGE)
            assert (refused.status_code, refused.headers["allow"]) == (405, allowed)
            assert refused.headers["access-control-allow-origin"] == "*"


async def test_a_full_session_says_when_to_come_back(folder: Path) -> None:
    async with ServerHarness(folder, Config(server=ServerConfig(max_viewers=0))) as harness:
        refused = await play(harness, await endpoint(harness))
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "10")


async def test_candidates_may_follow_and_restarts_are_refused(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        made = await play(harness, await endpoint(harness), without("a=candidate:")(VIEWER))
        location = made.headers["location"]

        async def patch(*body: str, **headers: str) -> httpx.Response:
            return await harness.patch(location, content=joined([*body]), headers=FRAGMENT | headers)

        mine, head = credentials(VIEWER), ["m=audio 9 UDP/TLS/RTP/SAVPF 111", "a=mid:0"]
        unknown = candidate("192.0.2.1", transport="tcp")
        sent = await patch(*mine, *head, candidate("127.0.0.1"), unknown, candidate("169.254.169.254"))
        assert (sent.status_code, sent.content) == (204, b"")
        assert "etag" not in sent.headers
        [viewer] = next(iter(harness.server.ready()[1]._sessions.values())).viewers.values()
        transport = viewer.peer._connection.getTransceivers()[0].receiver.transport.transport
        assert [each.ip for each in transport.getRemoteCandidates()] == ["127.0.0.1"]
        assert (await patch(*mine, "a=end-of-candidates", **{"if-match": "*"})).status_code == 204
        assert (await patch(*mine, *head, candidate("127.0.0.1"))).status_code == 204  # too late, and no fault

        restart = await patch("a=ice-ufrag:new1", "a=ice-pwd:new1new1new1new1new1new1", **{"if-match": "*"})
        assert restart.status_code == 422
        assert "POST a new offer" in problem(restart)["detail"]
        assert (await harness.get(location)).status_code == 204  # the session runs on

        assert (await patch(*mine, *head, "a=candidate:1 1 udp x 127.0.0.1 1 typ host")).status_code == 400
        many = await patch(*mine, *head, *[candidate("127.0.0.1")] * 65)
        assert (many.status_code, "at most 64" in problem(many)["detail"]) == (400, True)
        stale = await patch(*mine, *head, candidate("127.0.0.1"), **{"if-match": '"tag"'})
        assert (stale.status_code, "leave If-Match out" in problem(stale)["detail"]) == (412, True)
        assert (await harness.patch(location, json={})).status_code == 415


async def test_pages_elsewhere_may_ask_and_read_the_answer(folder: Path) -> None:
    async with ServerHarness(folder, Config(webrtc=WebRtcConfig(ice_servers=(RELAY,)))) as harness:
        url = await endpoint(harness)
        asked = {"access-control-request-method": "POST"} | PAGE
        preflight = await harness.client.options(url, headers=asked)
        assert preflight.status_code == 204
        assert "link" not in preflight.headers  # no passwords for who only asks whether they may ask
        allowed = preflight.headers["access-control-allow-headers"].lower()
        assert {"authorization", "content-type", "if-match"} <= set(allowed.split(", "))
        assert {"POST", "PATCH", "DELETE"} <= set(preflight.headers["access-control-allow-methods"].split(", "))
        plain = await harness.client.options(url)
        assert plain.headers["accept-post"] == "application/sdp"
        assert "access-control-allow-origin" not in plain.headers
        assert plain.headers.get_list("link") == [as_sent(ice_link(RELAY, url)) for url in RELAY.urls]
        assert (await harness.client.options(f"{url}/x")).headers["accept-patch"] == FRAGMENT["content-type"]


def test_ice_servers_are_told_as_the_standard_writes_them() -> None:
    turn, stun = (as_sent(ice_link(RELAY, url)) for url in RELAY.urls)
    assert stun == '<stun:relay.example>; rel="ice-server"'
    assert turn == (
        '<turn:relay.example:3478?transport=udp>; rel="ice-server"; username="us\\"er"; '
        'credential="pässword"; credential-type="password"'
    )


async def test_an_answer_tells_a_page_elsewhere_where_its_session_is(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        made = await play(harness, await endpoint(harness), **PAGE)
        readable = made.headers["access-control-expose-headers"].split(", ")
        assert {"Location", "ETag", "Link"} <= set(readable)


async def test_an_endpoint_can_be_told_from_a_page(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        url = await endpoint(harness)
        asked = await harness.client.head(url)
        assert (asked.status_code, asked.headers["content-type"]) == (200, "application/sdp")
        assert (await harness.get(url)).status_code == 204


async def test_a_player_is_sent_to_the_server_that_has_the_session(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Far:
        async def connect(self, address: str, offer: str, wants: Wants) -> Answer:
            raise Elsewhere("https://two.example/lipcast")

    monkeypatch.setattr(whep, "host_of", lambda request: Far())
    async with ServerHarness(folder) as harness:
        sent = await play(harness, "/api/watch/two.abc/whep?room=1")
        assert sent.status_code == 307
        assert sent.headers["location"] == "https://two.example/lipcast/api/watch/two.abc/whep?room=1"


@pytest.mark.slow
async def test_a_player_whose_candidates_come_later_sees_and_hears_the_presenter(folder: Path) -> None:
    async with ServerHarness(folder, clock=MonotonicClock()) as harness:
        url = await endpoint(harness)
        player = Client()
        offer = await player.offer()
        made = await play(harness, url, without("a=end-of-candidates")(without("a=candidate:")(offer)))
        await player.accept(made.text)
        found = [line for line in lines(offer) if line.startswith("a=candidate:")]
        body = joined([*credentials(offer), "m=audio 9 UDP/TLS/RTP/SAVPF 96", "a=mid:0", *found, "a=end-of-candidates"])
        assert (await harness.patch(made.headers["location"], content=body, headers=FRAGMENT)).status_code == 204
        await until(lambda: all(player.received.values()))
        assert (await harness.delete(made.headers["location"])).status_code == 200
        await until(lambda: player.connection.connectionState == "closed")
        await player.close()
