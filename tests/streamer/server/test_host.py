"""The host: data in, data out; a session lives without a connection."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from streamer.errors import Conflict, Gone, NotFound
from streamer.server.host import Disconnect, End, Host, Interrupt, Mute, NewSession, Source
from streamer.webrtc.offer import PRESENTER, VIEWER
from tests.streamer.server_harness import AVATAR, ServerHarness
from tests.streamer.webrtc.offers import CHROMIUM
from tests.streamer.webrtc.offers import VIEWER as VIEWER_OFFER

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]


async def host_of(harness: ServerHarness) -> Host:
    await harness.ready()
    return harness.server.host()


async def test_a_session_is_made_connected_commanded_and_ended(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        host = await host_of(harness)
        session = await host.create(NewSession(AVATAR))
        assert (session.state, session.avatar, session.source) == ("connecting", AVATAR, Source.RTP)
        answer = await host.connect(session.id, CHROMIUM, PRESENTER)
        assert answer.connection == session.id
        assert "m=video" in answer.sdp
        await host.command(session.id, Mute(True))
        assert host.describe(session.id).muted
        await host.command(session.id, Interrupt())
        await host.command(session.id, End())
        await harness.pass_until(lambda: harness.value("sessions") == 0)
        with pytest.raises(Gone) as ended:
            host.describe(session.id)
        assert ended.value.reason == "left"
        with pytest.raises(NotFound):
            host.describe("never given out")


async def test_viewers_connect_by_the_watch_id_and_leave(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        host = await host_of(harness)
        session = await host.create(NewSession(AVATAR))
        viewer = await host.connect(session.watch_id, VIEWER_OFFER, VIEWER)
        assert host.describe(session.id).viewers == 1
        await host.command(session.watch_id, Disconnect(viewer.connection))
        assert host.describe(session.id).viewers == 0


async def test_a_session_whose_offer_is_refused_ends(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        host = await host_of(harness)
        session = await host.create(NewSession(AVATAR))
        await host.connect(session.id, CHROMIUM, PRESENTER)
        with pytest.raises(Conflict, match="a client already"):
            await host.connect(session.id, CHROMIUM, PRESENTER)
        assert host.describe(session.id).state == "connecting"


async def test_a_session_of_pushed_audio_lives_without_any_connection(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        made = await harness.post("/api/sessions", json={"avatar": AVATAR, "source": "pcm"})
        assert made.status_code == 201
        assert "sdp" not in made.json()
        url = made.json()["url"]
        live = harness.server.ready()[1].find(made.json()["id"])
        assert live.speech is not None
        live.speech.start("greeting", 16_000)
        live.speech.push("greeting", np.full(16_000, 9_000, np.int16))
        live.speech.end("greeting")
        await harness.pass_until(lambda: live.session.counters.drawing)
        await harness.pass_until(lambda: max(harness.engine.streams[0].heard) > 30)
        position = live.speech.position()
        assert position is None or position.played_s > 0.5  # None: the second of speech is over
        body = (await harness.get(url)).json()
        assert (body["state"], body["source"]) == ("live", "pcm")
        assert (await harness.watch(made.json()["watch_url"])).status_code == 201
        assert (await harness.delete(url)).status_code == 204


async def test_an_unknown_source_is_refused_with_those_that_are_known(folder: Path) -> None:
    async with ServerHarness(folder) as harness:
        await harness.ready()
        answer = await harness.post("/api/sessions", json={"avatar": AVATAR, "source": "smoke"})
        assert answer.status_code == 400
        assert "'rtp', 'pcm'" in answer.json()["detail"]
