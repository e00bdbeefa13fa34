"""Real publishers by WHIP and real players by WHEP on the loopback: a voice goes in, the presenter comes out."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import av
import numpy as np
import pytest
import uvicorn
from aiortc import RTCBundlePolicy, RTCCertificate, RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from scripts.tools.server_process import free_port
from streamer.clock import MonotonicClock
from streamer.webrtc.offer import SPEAKER, WHEP_VIEWER
from tests.streamer.http.test_whep import play
from tests.streamer.http.test_whip import URL, links, publish
from tests.streamer.server.test_live import Voice, grey, loudest
from tests.streamer.server_harness import ServerHarness
from tests.streamer.webrtc.call import Call, Client, until

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left"), pytest.mark.slow]

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
AUDIBLE = 3000  # of 32767


class LeftVoice(Voice):
    """Somebody who is heard in the left channel alone, as of a microphone at one input of an interface."""

    async def recv(self) -> av.AudioFrame:
        mono = await super().recv()
        left = mono.to_ndarray().reshape(-1).astype(np.int16)
        both = np.stack([left, np.zeros_like(left)], axis=1).reshape(1, -1)
        stereo = av.AudioFrame.from_ndarray(both, format="s16", layout="stereo")
        stereo.sample_rate, stereo.pts, stereo.time_base = mono.sample_rate, mono.pts, mono.time_base
        return stereo


class Publisher:
    """A client that sends a voice and video and receives nothing."""

    def __init__(self) -> None:
        self.connection = RTCPeerConnection(RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE))
        self.connection.addTransceiver(LeftVoice(), "sendonly")
        self.connection.addTransceiver(VideoStreamTrack(), "sendonly")

    async def offer(self) -> str:
        await self.connection.setLocalDescription(await self.connection.createOffer())
        return self.connection.localDescription.sdp

    async def accept(self, answer: str) -> None:
        await self.connection.setRemoteDescription(RTCSessionDescription(answer, "answer"))


def self_signed(key: Key) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "publisher")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    return builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1)).sign(key, SHA256())


async def test_a_publisher_in_stereo_drives_the_presenter_that_players_watch(folder: Path) -> None:
    async with ServerHarness(folder, clock=MonotonicClock()) as server:
        publisher, player = Publisher(), Client()
        made = await publish(server, await publisher.offer())
        await publisher.accept(made.text)
        watching = await play(server, links(made)["urn:lipcast:whep"], await player.offer())
        await player.accept(watching.text)
        await until(lambda: grey(player) > 40 and loudest(player) > AUDIBLE)
        live = next(iter(server.server.ready()[1]._sessions.values()))
        assert live.peer is not None
        video = live.peer._connection.getTransceivers()[1].receiver
        assert video._track is None or video._track._queue.empty()  # nothing of its video was read
        assert (await server.delete(made.headers["location"])).status_code == 200
        await until(lambda: "closed" == player.connection.connectionState == publisher.connection.connectionState)
        await player.close()
        await publisher.connection.close()


async def test_a_publisher_whose_connection_ends_ends_the_session(folder: Path) -> None:
    async with ServerHarness(folder, clock=MonotonicClock()) as server:
        publisher = Publisher()
        await publisher.accept((await publish(server, await publisher.offer())).text)
        await until(lambda: publisher.connection.connectionState == "connected")
        await publisher.connection.close()
        await until(lambda: server.value("sessions") == 0)
        assert server.value("session_ends_total", reason="connection-lost") == 1


@pytest.mark.parametrize("wants", [SPEAKER, WHEP_VIEWER], ids=["WHIP", "WHEP"])
async def test_a_client_with_an_rsa_certificate_connects(wants: object) -> None:
    """As GStreamer's have. It would not as the handshake's server: the library has suites of ECDSA alone."""
    call = Call(wants=wants)  # type: ignore[arg-type]
    key = rsa.generate_private_key(65_537, 2048)
    certificate = RTCCertificate(key, self_signed(key))  # type: ignore[arg-type]
    transport = call.client.connection.getTransceivers()[0].receiver.transport
    vars(transport)["_RTCDtlsTransport__local_certificate"] = certificate
    async with call:
        assert "a=setup:passive" in call.answer
        # Until media flow: the client is the last to know that it is connected, and must not be closed before.
        if wants is SPEAKER:
            await until(lambda: call.packets)
        else:
            await call.play(lambda: all(call.client.received.values()))


@pytest.mark.skipif("whip" not in av.formats_available, reason="this build of PyAV has no WHIP (FFmpeg 8 or later)")
async def test_ffmpeg_publishes(folder: Path, tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate_file, key_file = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate_file.write_bytes(self_signed(key).public_bytes(Encoding.PEM))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    async with ServerHarness(folder, clock=MonotonicClock()) as server, at_a_port(server) as address:
        await server.ready()
        ffmpeg = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.streamer.http.ffmpeg_publisher", address + URL),
            *(str(certificate_file), str(key_file)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert ffmpeg.stdin is not None
        assert ffmpeg.stdout is not None
        assert await ffmpeg.stdout.readline() == b"publishing\n"
        live = next(iter(server.server.ready()[1]._sessions.values()))
        player = Client()
        await player.accept((await play(server, f"/api/watch/{live.watch_id}/whep", await player.offer())).text)
        await until(lambda: grey(player) > 40 and loudest(player) > AUDIBLE)
        ffmpeg.stdin.close()
        assert await ffmpeg.wait() == 0
        await until(lambda: server.value("session_ends_total", reason="left") == 1)  # it has sent DELETE
        await player.close()


@asynccontextmanager
async def at_a_port(server: ServerHarness) -> AsyncIterator[str]:
    """The server's application where processes can reach it; its address."""
    port = free_port()
    config = uvicorn.Config(server.app, port=port, lifespan="off", log_config=None, loop="asyncio")
    listening = uvicorn.Server(config)
    serving = asyncio.create_task(listening.serve())
    await until(lambda: listening.started)
    yield f"http://127.0.0.1:{port}"
    listening.should_exit = True
    await serving
