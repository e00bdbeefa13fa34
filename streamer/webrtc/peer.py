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
    RTCDataChannel,
    RTCIceCandidate,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpSender,
    RTCRtpTransceiver,
    RTCSessionDescription,
)
from aiortc.rtcrtpparameters import RTCRtpCodecCapability
from aiortc.sdp import candidate_from_sdp

from streamer.clock import Clock, MediaClock
from streamer.config import IceServer, WebRtcConfig
from streamer.errors import BadOffer, BadRequest
from streamer.output.receiver import AUDIO_CLOCK_RATE, VIDEO_CLOCK_RATE, Packet
from streamer.webrtc.aiortc_hooks import (
    MicrophoneTap,
    abandon,
    begin_no_handshake,
    bound_sources,
    drop_media,
    start_no_consent,
    stop_connecting_when_closed,
)
from streamer.webrtc.datagram_guard import DatagramGuard, new_limits
from streamer.webrtc.offer import (
    MAX_CANDIDATES,
    Checked,
    IceCredentials,
    Wants,
    check_offer,
    may_dial,
    with_accepted_video,
    with_rejected,
)
from streamer.webrtc.outgoing_media import Encoded, OutgoingMedia, WallClock
from streamer.webrtc.sdp_fragment import Fragment, RestartRefused

log = logging.getLogger(__name__)

AUDIO_HEAD = re.compile(r"m=audio .*\r\n(?:[^a].*\r\n)*")  # what comes before the attributes of the audio section
DIRECTIONS = {(True, True): "sendrecv", (False, True): "sendonly", (True, False): "recvonly"}  # audio in, audio out
MAX_UNSENT = 64 * 1024  # bytes of messages that may wait to be sent; a client that reads so slowly gets no more


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
        self._clock = clock
        wall = WallClock(clock)
        self._audio = OutgoingMedia(AUDIO_CLOCK_RATE, media, clock, wall)
        self._video = OutgoingMedia(VIDEO_CLOCK_RATE, media, clock, wall)
        self._channel: RTCDataChannel | None = None
        self._video.on_key_frame = events.on_key_frame
        self._video.on_bitrate = events.on_bitrate
        self.video_mime_type = ""
        self._closed = False
        self._ice = IceCredentials(None, None)
        self._trickled = 0  # candidates that came after the offer
        self._connection = RTCPeerConnection(
            RTCConfiguration(
                # An empty list, not None: None would ask a public STUN server of others.
                iceServers=[ice_server(server) for server in config.ice_servers],
                bundlePolicy=RTCBundlePolicy.MAX_BUNDLE,
            )
        )
        stop_connecting_when_closed(self._connection)

    async def answer(self, offer: str, wants: Wants) -> str:
        """The SDP answer, with all candidates in it.

        Raises:
            TooLarge, BadOffer: the offer cannot be served. The caller closes the connection then.
            LibraryMismatch: the installed WebRTC library is not the one that was tested.
        """
        checked = check_offer(offer, wants, allow_loopback=self._config.allow_loopback_candidates)
        audio, video = self._add_transceivers(checked, wants)
        self._connection.on("connectionstatechange", self._state_changed)
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(checked.sdp, "offer"))
        except Exception as error:  # aiortc's parser raises nearly anything on nonsense, and nothing of ours runs in it
            log.info("offer refused: %s", type(error).__name__)
            raise BadOffer(f"the offer could not be negotiated ({type(error).__name__})") from error
        if wants.dtls_passive and checked.either_role:
            begin_no_handshake(audio.receiver.transport)
        await self._connection.setLocalDescription()
        self._ice = checked.ice
        if video is not None and wants.video_out:
            self.video_mime_type = video._codecs[0].mimeType
        guard = DatagramGuard(new_limits(checked, wants), self._clock.now, self._events.on_dropped_datagram)
        guard.install(audio.receiver.transport.transport._connection)
        answer = with_short_packets(self._connection.localDescription.sdp)
        return with_rejected(with_accepted_video(answer, checked.accepted_video), checked.rejected)

    async def add_candidates(self, fragment: Fragment) -> None:
        """Candidates that the peer has found since its offer. Those that must not be dialled are dropped.

        Raises:
            RestartRefused: the fragment is of other ICE credentials than the offer's.
            BadRequest: a candidate cannot be read, or there are too many.
        """
        if not fragment.belongs_to(self._ice):
            raise RestartRefused()
        self._trickled += len(fragment.candidates)
        if self._trickled > MAX_CANDIDATES:
            raise BadRequest(f"{self._trickled} candidates after the offer; at most {MAX_CANDIDATES} are read")
        mid = self._connection.getTransceivers()[0].mid  # the transport of all sections
        candidates = [
            read_candidate(line)
            for line in fragment.candidates
            if may_dial(line, self._config.allow_loopback_candidates)
        ]
        for candidate in candidates:
            candidate.sdpMid = mid
            await self._connection.addIceCandidate(candidate)
        if fragment.complete:
            await self._connection.addIceCandidate(None)

    def _add_transceivers(self, offer: Checked, wants: Wants) -> tuple[RTCRtpTransceiver, RTCRtpTransceiver | None]:
        """The transceivers of audio, always, and of video, where the offer has any; with their hooks installed."""
        connection = self._connection
        direction = DIRECTIONS[wants.audio_in, wants.audio_out]
        audio = connection.addTransceiver(OutgoingTrack("audio") if wants.audio_out else "audio", direction)
        audio.setCodecPreferences(codecs("audio", ("audio/opus",)))
        bound_sources(audio.receiver)
        if wants.audio_out:
            self._audio.install(audio.sender)
        if wants.audio_in:
            MicrophoneTap(self._events.on_packet).install(audio.receiver)
        else:
            drop_media(audio.receiver)
        if wants.data:
            connection.on("datachannel", self._channel_opened)
        if offer.video is None:
            return audio, None
        # No preference for the video's codec: the order of the offer decides, which is the client's.
        if wants.video_out:
            video = connection.addTransceiver(OutgoingTrack("video"), "sendonly")
            self._video.install(video.sender)
        else:
            video = connection.addTransceiver("video", "recvonly")
            drop_media(video.receiver)
        return audio, video

    def _channel_opened(self, channel: RTCDataChannel) -> None:
        if self._channel is None:
            self._channel = channel
        else:
            channel.close()  # one is enough

    def send_data(self, message: str | bytes) -> bool:
        """Send a message on the client's data channel; False if there is none, or if too much waits to be sent."""
        channel = self._channel
        if channel is None or channel.readyState != "open" or channel.bufferedAmount > MAX_UNSENT:
            return False
        channel.send(message)
        return True

    def send(self, packet: Packet) -> None:
        """Encoded media; see Receiver."""
        media = self._audio if packet.kind == "audio" else self._video
        media.put(Encoded(packet.data, packet.pts))

    def flush(self) -> None:
        """Drop what has not been sent. Pictures are kept: those that follow are predicted from them."""
        self._audio.clear()

    async def close(self) -> None:
        self._closed = True
        start_no_consent(self._connection)
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


def read_candidate(line: str) -> RTCIceCandidate:
    """
    Raises:
        BadRequest
    """
    try:
        return candidate_from_sdp(line.removeprefix("a=candidate:"))
    except (AssertionError, ValueError, IndexError) as error:
        raise BadRequest(f"{line[:120]!r} is not a candidate (RFC 8839 section 5.1)") from error


def ice_server(server: IceServer) -> RTCIceServer:
    return RTCIceServer(list(server.urls), server.username or None, server.credential or None)


def codecs(kind: str, mime_types: tuple[str, ...]) -> list[RTCRtpCodecCapability]:
    return [codec for codec in RTCRtpSender.getCapabilities(kind).codecs if codec.mimeType in mime_types]
