"""One WebRTC connection: an offer is answered, encoded media go out, microphone packets come in.

Knows nothing of sessions, engines or codecs' insides.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass

from aiortc import (
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecCapability

from streamer.clock import Clock, MediaClock
from streamer.config import IceServer, WebRtcConfig
from streamer.errors import BadOffer
from streamer.output.receiver import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, Packet
from streamer.webrtc.aiortc_hooks import (
    Encoded,
    MicrophoneTap,
    OutgoingMedia,
    WallClock,
    abandon,
    bound_sources,
    guard_datagrams,
)
from streamer.webrtc.offer import check_offer

log = logging.getLogger(__name__)

AUDIO_HEAD = re.compile(r"m=audio .*\r\n(?:[^a].*\r\n)*")  # what comes before the attributes of the audio section


@dataclass(frozen=True, slots=True)
class PeerEvents:
    """What a connection tells its owner. Called on the event loop; none may block or raise."""

    on_packet: Callable[[int, bytes], None]  # RTP timestamp and Opus payload of the microphone
    on_connected: Callable[[], None]
    on_closed: Callable[[], None]  # the peer has gone, or could never be reached
    on_key_frame: Callable[[], None]
    on_bitrate: Callable[[int], None]  # bit/s that the receiver believes the path to carry
    on_dropped_datagram: Callable[[], None]


class OutgoingTrack(MediaStreamTrack):
    """Stands for a track in the negotiation; its frames come through OutgoingMedia and never through recv()."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    async def recv(self) -> None:  # type: ignore[override]
        raise RuntimeError("frames of this track are sent by OutgoingMedia")


class Peer:
    """Create, `answer` once, `close` once; `abandon` if closing fails or does not end."""

    def __init__(self, config: WebRtcConfig, clock: Clock, media: MediaClock, events: PeerEvents) -> None:
        self._config = config
        self._events = events
        wall = WallClock(clock)
        self._audio = OutgoingMedia(AUDIO_CLOCK_RATE, media, wall)
        self._video = OutgoingMedia(VIDEO_CLOCK_RATE, media, wall)
        self._video.on_key_frame = events.on_key_frame
        self._video.on_bitrate = events.on_bitrate
        self.video_mime_type = ""
        self._closed = False
        self._connection = RTCPeerConnection(
            RTCConfiguration(
                # An empty list, not None: None would ask a public STUN server of others.
                iceServers=[ice_server(server) for server in config.ice_servers],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )

    async def answer(self, offer: str, *, with_microphone: bool) -> str:
        """The SDP answer, with all candidates in it.

        Raises:
            TooLarge, BadOffer: the offer cannot be served. The caller closes the connection then.
        """
        checked = check_offer(
            offer, with_microphone=with_microphone, allow_loopback=self._config.allow_loopback_candidates
        )
        try:
            return await self._negotiate(checked, with_microphone)
        except Exception as error:  # aiortc's parser raises nearly anything on nonsense
            log.info("offer refused: %s", type(error).__name__)
            raise BadOffer(f"the offer could not be negotiated ({type(error).__name__})") from error

    async def _negotiate(self, offer: str, with_microphone: bool) -> str:
        connection = self._connection
        audio = connection.addTransceiver(OutgoingTrack("audio"), "sendrecv" if with_microphone else "sendonly")
        video = connection.addTransceiver(OutgoingTrack("video"), "sendonly")
        audio.setCodecPreferences(codecs("audio", ("audio/opus",)))
        # No preference for the picture's codec: the order of the offer decides, which is the visitor's.
        self._audio.install(audio.sender)
        self._video.install(video.sender)
        MicrophoneTap(self._events.on_packet).install(audio.receiver)
        bound_sources(audio.receiver)
        connection.on("connectionstatechange", self._state_changed)
        await connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
        await connection.setLocalDescription()
        self.video_mime_type = video._codecs[0].mimeType
        guard_datagrams(audio.receiver.transport.transport._connection, self._events.on_dropped_datagram)
        return with_short_packets(connection.localDescription.sdp)

    def send(self, packet: Packet) -> None:
        """Encoded media; see Receiver."""
        media = self._audio if packet.kind == "audio" else self._video
        media.put(Encoded(packet.data, packet.pts))

    def flush(self) -> None:
        """Drop what has not been sent. Pictures are kept: those that follow are predicted from them."""
        self._audio.clear()

    async def close(self) -> None:
        self._closed = True
        await self._connection.close()

    async def abandon(self) -> None:
        """Let go of everything without waiting for the other side or for the library's own order."""
        await abandon(self._connection)

    def _state_changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected":
            self._events.on_connected()
        elif state in ("failed", "closed") and not self._closed:
            self._closed = True
            self._events.on_closed()


def with_short_packets(answer: str) -> str:
    """Ask for packets of 10 ms (RFC 8866 section 6.4): a microphone's sound then waits 10 ms less before it leaves."""
    return AUDIO_HEAD.sub(r"\g<0>a=ptime:10\r\n", answer, count=1)


def ice_server(server: IceServer) -> RTCIceServer:
    return RTCIceServer(list(server.urls), server.username or None, server.credential or None)


def codecs(kind: str, mime_types: tuple[str, ...]) -> list[RTCRtpCodecCapability]:
    return [codec for codec in RTCRtpSender.getCapabilities(kind).codecs if codec.mimeType in mime_types]
