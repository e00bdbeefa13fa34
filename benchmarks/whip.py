"""How long do a WHIP publisher and a WHEP player take to connect, and how far apart are lips and voice for the player?

    python -m benchmarks.whip --seconds 60 --connections 10 --json out.json

Starts the real server unless `--url` names one. Publisher and player are aiortc's, in this process, which
is not the server's.

What is measured
  publisher connects   the offer is posted → media can flow (ICE and DTLS)
  player's first frame the offer is posted → the first frame is decoded
  A/V offset           as benchmarks.latency measures it, without interruptions
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import time
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiortc import RTCBundlePolicy, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack

from benchmarks.latency import add_engine_arguments, engine_label, server_arguments, traces_of
from benchmarks.measuring.audio_signal import TestAudio, make_test_audio
from benchmarks.measuring.client import Client, joined, tap
from benchmarks.measuring.report import publish, surroundings
from benchmarks.measuring.summary import SETTLE_S, summarise
from benchmarks.measuring.traces import percentiles
from engines.loader import SHIPPED, Presenters
from scripts.tools.mouth_box import Box, mouth_box
from scripts.tools.server_process import Server, running

WHEP_LINK = re.compile(r'<([^>]+)>; rel="urn:lipcast:whep"')
CONNECT_TIMEOUT_S = 20.0


@dataclass(frozen=True, slots=True)
class Made:
    """An answer; location and link are the values of its headers."""

    sdp: str
    location: str
    link: str


class WhipClient(Client):
    """A publisher by WHIP, and a player by WHEP that watches what it drives."""

    def __init__(self, url: str, audio: TestAudio, box: Box) -> None:
        super().__init__(url, audio, box)
        self.publisher = new_connection()
        self.connect_s = 0.0
        self._locations: list[str] = []

    async def join(self, avatar: str) -> None:
        self.publisher.addTransceiver(self.track, "sendonly")
        self.publisher.addTransceiver(VideoStreamTrack(), "sendonly")
        asked = time.perf_counter()
        made = await self._post(self.publisher, f"/api/whip?avatar={avatar}")
        await connected(self.publisher)
        self.connect_s = time.perf_counter() - asked
        link = WHEP_LINK.search(made.link)
        assert link is not None, "the answer names no address for players"
        audio = self.connection.addTransceiver("audio", "recvonly")
        video = self.connection.addTransceiver("video", "recvonly")
        tap(audio.receiver, self.audio)
        tap(video.receiver, self._pictures)
        self._asked = time.perf_counter()
        await self._post(self.connection, link[1])

    async def _post(self, connection: RTCPeerConnection, path: str) -> Made:
        await connection.setLocalDescription()
        made = await asyncio.to_thread(post, self.url + path, connection.localDescription.sdp)
        self._locations.append(made.location)
        await connection.setRemoteDescription(RTCSessionDescription(made.sdp, "answer"))
        return made

    async def leave(self) -> None:
        for location in reversed(self._locations):
            await asyncio.to_thread(self.request, "DELETE", location, None)
        await self.connection.close()
        await self.publisher.close()


def new_connection() -> RTCPeerConnection:
    return RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))


def post(url: str, sdp: str) -> Made:
    asked = urllib.request.Request(url, sdp.encode(), {"Content-Type": "application/sdp"})
    with urllib.request.urlopen(asked, timeout=15) as answer:
        link = ", ".join(answer.headers.get_all("Link", []))
        return Made(answer.read().decode(), answer.headers["Location"], link)


async def connected(connection: RTCPeerConnection) -> None:
    changed = asyncio.Event()
    connection.on("connectionstatechange", changed.set)
    async with asyncio.timeout(CONNECT_TIMEOUT_S):
        while connection.connectionState != "connected":
            await changed.wait()
            changed.clear()


async def measure(
    server: Server, options: argparse.Namespace, audio: TestAudio, box: Box, avatar: str
) -> dict[str, Any]:
    clients: list[WhipClient] = []
    for _ in range(options.connections):
        client = WhipClient(server.url, audio, box)
        async with joined(client, avatar):
            clients.append(client)
    watching = WhipClient(server.url, audio, box)
    async with joined(watching, avatar):
        await asyncio.sleep(options.seconds + SETTLE_S)
    return summarise(traces_of(watching, audio, None), audio, lookahead_ms=80) | {
        "publisher_connects_ms": percentiles([each.connect_s for each in clients]),
        "player_first_frame_ms": percentiles([each.join_to_first_frame_s for each in clients]),
    }


def table(result: dict[str, Any]) -> list[tuple[str, str, str]]:
    def spread(name: str) -> str:
        return f"{result[name]['p50']} / {result[name]['p95']} ms"

    return [
        ("what (p50 / p95)", "measured", "bar"),
        ("publisher connects", spread("publisher_connects_ms"), "≤ 1500 ms"),
        ("player's first frame", spread("player_first_frame_ms"), "≤ 1500 ms"),
        ("A/V offset, absolute", spread("av_offset_ms"), "p95 ≤ 40 ms"),
        ("mic → lips", spread("mic_to_lips_ms"), "p95 ≤ 250 ms"),
        ("frames a second", f"{result['fps']}", "25 ± 0.5"),
    ]


def argument_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="benchmarks.whip", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--seconds", type=float, default=60, help="how long to measure (default 60)")
    parser.add_argument("--connections", type=int, default=10, help="for the times to connect (default 10)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the result there")
    parser.add_argument("--url", help="measure this server instead of starting one")
    parser.add_argument("--avatar", help="presenter (default: the first)")
    add_engine_arguments(parser)
    parser.set_defaults(sessions=1, lookahead_ms=80, presenters=None)
    return parser


def main() -> int:
    options = argument_parser().parse_args()
    presenters = Presenters(SHIPPED)
    avatar = presenters.load(options.avatar or next(iter(presenters.all)))
    audio = make_test_audio(options.seconds + SETTLE_S + CONNECT_TIMEOUT_S)
    with running(options.url, server_arguments(options)) as server:
        result = asyncio.run(measure(server, options, audio, mouth_box(avatar), avatar.name))
    result |= {"engine": engine_label(options), "seconds": options.seconds, "connections": options.connections}
    publish(result | surroundings(), table(result), options.json)
    return 0


if __name__ == "__main__":
    sys.exit(main())
