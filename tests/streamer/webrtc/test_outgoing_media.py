"""What one sender is fed, tells and is asked for; test_peer.py has the library drive it."""

from __future__ import annotations

from typing import Any

import pytest
from aiortc.rtp import RTCP_RTPFB_NACK, AnyRtcpPacket, RtcpByePacket, RtcpRtpfbPacket, RtcpSenderInfo, RtcpSrPacket

from lipcast.testing import FakeClock
from streamer.clock import MediaClock
from streamer.webrtc.outgoing_media import (
    ESTIMATE_BURST,
    ESTIMATES_PER_S,
    KEY_FRAME_BURST,
    KEY_FRAMES_PER_S,
    MAX_QUEUED_PACKETS,
    RETRANSMISSION_BURST,
    RETRANSMISSIONS_PER_S,
    Encoded,
    OutgoingMedia,
    WallClock,
)
from streamer.webrtc.replace import LibraryMismatch

pytestmark = pytest.mark.anyio


def media(clock: FakeClock) -> OutgoingMedia:
    return OutgoingMedia(90_000, MediaClock(clock.now()), clock, WallClock(clock))


async def test_a_path_that_is_stalled_drops_everything_and_asks_for_a_key_frame() -> None:
    outgoing, asked = media(FakeClock()), []
    outgoing.on_key_frame = lambda: asked.append(1)
    for place in range(MAX_QUEUED_PACKETS + 1):
        outgoing.put(Encoded(b"picture", place))
    assert outgoing._queue.empty()
    assert asked == [1]
    outgoing.put(Encoded(b"picture", 99))
    assert outgoing._queue.qsize() == 1


async def test_clear_drops_what_waits() -> None:
    outgoing = media(FakeClock())
    outgoing.put(Encoded(b"sound", 0))
    outgoing.clear()
    assert outgoing._queue.empty()


async def test_an_estimate_is_passed_on_and_the_library_finds_the_attribute() -> None:
    outgoing = media(FakeClock())
    told: list[int] = []
    outgoing.on_bitrate = told.append
    assert hasattr(outgoing, "target_bitrate")
    outgoing.target_bitrate = 500_000
    assert told == [500_000]
    assert outgoing.target_bitrate == 500_000


async def test_the_wall_clock_follows_the_monotonic_one() -> None:
    clock = FakeClock()
    wall = WallClock(clock)
    assert wall.ntp(clock.now() + 1.5) - wall.ntp(clock.now()) == 3 << 31


class FakeSender:
    """As much of the library's sender as the hooks touch."""

    def __init__(self) -> None:
        self._RTCRtpSender__rtp_timestamp = 0
        self._RTCRtpSender__encoder = None
        self._RTCRtpSender__lsr = None
        self._ssrc = 1
        self.sent: list[AnyRtcpPacket] = []
        self.handled: list[AnyRtcpPacket] = []

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        self.sent += packets

    async def _handle_rtcp_packet(self, packet: AnyRtcpPacket) -> None:
        self.handled.append(packet)

    async def _next_encoded_frame(self) -> None: ...

    def _send_keyframe(self) -> None: ...


async def test_before_the_media_clock_is_known_no_report_is_sent() -> None:
    sender, outgoing = FakeSender(), media(FakeClock())
    fake: Any = sender
    outgoing.install(fake)
    report = RtcpSrPacket(ssrc=1, sender_info=RtcpSenderInfo(0, 0, 0, 0))
    await fake._send_rtcp([report])
    assert sender.sent == []
    goodbye = RtcpByePacket(sources=[1])
    await fake._send_rtcp([goodbye])
    assert sender.sent == [goodbye]


def installed(clock: FakeClock) -> tuple[Any, OutgoingMedia]:
    fake: Any = FakeSender()
    outgoing = media(clock)
    outgoing.install(fake)
    return fake, outgoing


async def test_a_flood_of_requests_for_key_frames_is_passed_on_once_a_second() -> None:
    clock = FakeClock()
    fake, outgoing = installed(clock)
    asked: list[float] = []
    outgoing.on_key_frame = lambda: asked.append(clock.now())
    for place in range(500):
        fake._send_keyframe()
        outgoing.put(Encoded(b"frame", place))
        outgoing.clear()
        await clock.advance(0.01)
    assert len(asked) <= KEY_FRAME_BURST + 5 * KEY_FRAMES_PER_S
    assert len(asked) >= 5


async def test_a_request_that_came_too_soon_is_not_forgotten() -> None:
    clock = FakeClock()
    fake, outgoing = installed(clock)
    asked: list[int] = []
    outgoing.on_key_frame = lambda: asked.append(1)
    for _ in range(KEY_FRAME_BURST + 1):
        fake._send_keyframe()
    assert len(asked) == KEY_FRAME_BURST
    await clock.advance(1.0)
    outgoing.put(Encoded(b"frame", 0))
    assert len(asked) == KEY_FRAME_BURST + 1


async def test_of_a_flood_of_estimates_the_newest_is_passed_on_now_and_then() -> None:
    clock = FakeClock()
    _, outgoing = installed(clock)
    told: list[int] = []
    outgoing.on_bitrate = told.append
    for bitrate in range(1000):
        outgoing.target_bitrate = bitrate
        await clock.advance(0.002)
    assert len(told) <= ESTIMATE_BURST + 2 * ESTIMATES_PER_S
    await clock.advance(1.0)
    outgoing.put(Encoded(b"frame", 0))
    assert told[-1] == 999


async def test_packets_are_sent_again_as_long_as_the_budget_lasts() -> None:
    clock = FakeClock()
    fake, _ = installed(clock)

    def nack() -> RtcpRtpfbPacket:
        return RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=2, media_ssrc=1, lost=[*range(100), *range(100)])

    for _ in range(10):
        await fake._handle_rtcp_packet(nack())
    again = sum(len(packet.lost) for packet in fake.handled)
    assert again == RETRANSMISSION_BURST
    await clock.advance(1.0)
    await fake._handle_rtcp_packet(nack())
    assert sum(len(packet.lost) for packet in fake.handled) == RETRANSMISSION_BURST + RETRANSMISSIONS_PER_S


async def test_a_sender_without_an_attribute_that_is_replaced_is_refused() -> None:
    fake: Any = FakeSender()
    del fake._RTCRtpSender__encoder
    with pytest.raises(LibraryMismatch, match=r"_RTCRtpSender__encoder.*pip install"):
        media(FakeClock()).install(fake)
