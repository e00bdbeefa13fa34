"""The whole way on the loopback and the real clock: a voice goes in, the presenter's picture and sound come out."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from aiortc.mediastreams import AudioStreamTrack

from streamer.clock import MonotonicClock
from tests.sounds import RATE, voice
from tests.streamer.server_harness import ServerHarness
from tests.streamer.webrtc.call import Client, until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.usefixtures("nothing_left"),
    pytest.mark.slow,
    pytest.mark.parametrize(
        "anyio_backend",
        [
            pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
            pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
        ],
    ),
]


class Voice(AudioStreamTrack):
    """Somebody who speaks without end, in frames of 20 ms."""

    _sound = (voice(1.0) * 32767).astype(np.int16).reshape(1, -1)

    async def recv(self) -> av.AudioFrame:
        paced = await super().recv()
        assert isinstance(paced, av.AudioFrame)
        assert paced.pts is not None
        start = paced.pts * RATE // paced.sample_rate % RATE
        frame = av.AudioFrame.from_ndarray(self._sound[:, start : start + 960], format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, paced.pts * RATE // paced.sample_rate, Fraction(1, RATE)
        return frame


def grey(client: Client) -> float:
    return max((float(frame.to_ndarray(format="rgb24").mean()) for frame in client.received["video"][-25:]), default=0)


def loudest(client: Client) -> int:
    return max((int(np.abs(frame.to_ndarray()).max()) for frame in client.received["audio"][-50:]), default=0)


async def test_a_voice_moves_the_picture_and_is_heard_by_all(folder: Path) -> None:
    async with ServerHarness(folder, clock=MonotonicClock()) as server:
        await server.ready()
        speaker, viewer = Client(Voice()), Client()
        joined = (await server.join(await speaker.offer())).json()
        await speaker.accept(joined["sdp"])
        await until(lambda: grey(speaker) > 40 and loudest(speaker) > 3000)
        watching = (await server.watch(joined["watch_url"], await viewer.offer())).json()
        await viewer.accept(watching["sdp"])
        await until(lambda: grey(viewer) > 40 and loudest(viewer) > 3000)
        seen = (await server.get(joined["url"])).json()
        assert (seen["state"], seen["viewers"]) == ("live", 1)
        assert seen["voiced"]
        assert server.value("join_seconds_count") == 1

        passing = Client()
        await passing.accept((await server.watch(joined["watch_url"], await passing.offer())).json()["sdp"])
        await until(lambda: passing.received["video"])
        await passing.close()
        await until(lambda: server.value("viewers") == 1)

        await server.post(joined["url"] + "/interrupt")
        await server.delete(joined["url"])
        await until(lambda: viewer.connection.connectionState == "closed")
        await speaker.close()
        await viewer.close()


async def test_a_speaker_whose_connection_ends_ends_the_session(folder: Path) -> None:
    async with ServerHarness(folder, clock=MonotonicClock()) as server:
        await server.ready()
        speaker = Client(Voice())
        joined = (await server.join(await speaker.offer())).json()
        await speaker.accept(joined["sdp"])
        await until(lambda: speaker.received["video"])
        await speaker.close()
        await until(lambda: server.value("sessions") == 0)
        assert server.value("session_ends_total", reason="connection-lost") == 1
