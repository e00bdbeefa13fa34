"""Checks at start that the WebRTC library has all that the hooks replace, so that no session is the first to know."""

from __future__ import annotations

from aioice.ice import Connection as IceConnection

from streamer.clock import Clock, MediaClock
from streamer.config import WebRtcConfig
from streamer.webrtc.datagram_guard import DatagramGuard, new_limits
from streamer.webrtc.offer import PRESENTER, SPEAKER, Checked, Wants
from streamer.webrtc.peer import Peer, PeerEvents
from streamer.webrtc.replace import read

OFFER = Checked(sdp="", audio="0", video="1", data=None, video_in=True, rejected=())
READ = {
    "sender": ("_RTCRtpSender__rtp_task", "_RTCRtpSender__rtcp_task"),
    "receiver": ("_RTCRtpReceiver__rtcp_task", "_handle_disconnect"),
}


async def check_library(clock: Clock) -> None:
    """Install every hook into connections that are never used, and close them. Opens no socket.

    Raises:
        LibraryMismatch: an attribute is missing; the message says how to get the library that was tested.
    """
    for wants in (PRESENTER, SPEAKER):
        await check_peer(wants, clock)
    guard = DatagramGuard(new_limits(OFFER, PRESENTER), clock.now, nothing)
    guard.install(IceConnection(ice_controlling=False))


async def check_peer(wants: Wants, clock: Clock) -> None:
    peer = Peer(WebRtcConfig(), clock, MediaClock(clock.now()), SILENT)
    try:
        for transceiver in peer._add_transceivers(OFFER, wants):
            assert transceiver is not None
            for part, names in READ.items():
                for name in names:
                    read(getattr(transceiver, part), name)
            read(transceiver, "_codecs")
            read(transceiver.receiver.transport, "_role")
            read(transceiver.receiver.transport.transport, "_connection")
    finally:
        await peer.close()


def nothing(*_: object) -> None:
    pass


SILENT = PeerEvents(nothing, nothing, nothing, nothing, nothing, nothing)
