"""Feeds one RTP sender of aiortc with frames encoded elsewhere, and keeps what its receiver asks for within bounds.

A receiver may ask as often as it likes, for key frames, for lower rates and for packets to be sent again. What is asked
for too often is put off or refused, so that one receiver can spoil neither the server's time nor the video of others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

import av
from aiortc import RTCRtpSender
from aiortc.clock import current_ntp_time
from aiortc.codecs import get_encoder
from aiortc.codecs.base import Encoder
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtcrtpsender import RTCEncodedFrame
from aiortc.rtp import AnyRtcpPacket, RtcpRtpfbPacket, RtcpSrPacket

from streamer.audio.jitter_buffer import signed32
from streamer.clock import Clock, MediaClock
from streamer.webrtc.rate_limit import TokenBucket
from streamer.webrtc.replace import read, replace

MAX_QUEUED_PACKETS = 16  # frames of video, or 320 ms of audio, that a stalled path may hold back
# A sender must react to picture loss indications and full intra requests (RFC 8834 sections 5.1.1 and 5.1.2), which may
# be repeated until the key frame is there (RFC 5104 section 4.3.1.2; RFC 4585 section 6.3.1): once a second is enough.
KEY_FRAMES_PER_S, KEY_FRAME_BURST = 1, 2
# Estimates: browsers send one a second, and one at once where the path gets worse.
ESTIMATES_PER_S, ESTIMATE_BURST = 5, 5
# Packets sent again (RFC 4585 section 6.2.1): as many at once as the library keeps, and then more than a receiver that
# loses half of a video of 1.5 Mbit/s, 160 packets a second, asks for.
RETRANSMISSIONS_PER_S, RETRANSMISSION_BURST = 100, 128


@dataclass(frozen=True, slots=True)
class Encoded:
    """One frame on its way to one peer; pts counts in 1/clock_rate seconds since the session began."""

    data: bytes
    pts: int


class WallClock:
    """NTP time for monotonic time, fixed once: a step of the system's clock must not tear audio from video."""

    def __init__(self, clock: Clock) -> None:
        self._ntp = current_ntp_time()
        self._now = clock.now()

    def ntp(self, monotonic: float) -> int:
        """64-bit NTP timestamp (RFC 3550 section 4)."""
        return self._ntp + int((monotonic - self._now) * (1 << 32))


class OutgoingMedia:
    """Feeds one RTP sender with frames encoded elsewhere, and has its reports tell the media clock's time.

    aiortc reports when a packet was sent; a browser aligns tracks by these reports, so any difference between
    the tracks' encoding times would become a lip-sync error.
    """

    def __init__(self, clock_rate: int, media: MediaClock, clock: Clock, wall: WallClock) -> None:
        self._clock_rate = clock_rate
        self._now = clock.now
        self._media = media
        self._wall = wall
        self._queue: asyncio.Queue[Encoded] = asyncio.Queue(MAX_QUEUED_PACKETS)
        self._packer: Encoder | None = None
        self._origin: int | None = None  # RTP timestamp of presentation time 0
        self._last_timestamp: int | None = None
        self._estimate: int | None = None  # bit/s, not yet passed on
        self._target_bitrate = 0
        self._key_frame_wanted = False
        self._key_frames = TokenBucket(KEY_FRAMES_PER_S, KEY_FRAME_BURST)
        self._estimates = TokenBucket(ESTIMATES_PER_S, ESTIMATE_BURST)
        self._retransmissions = TokenBucket(RETRANSMISSIONS_PER_S, RETRANSMISSION_BURST)
        self.on_key_frame: Callable[[], None] = lambda: None
        self.on_bitrate: Callable[[int], None] = lambda _: None

    def install(self, sender: RTCRtpSender) -> None:
        """
        Raises:
            LibraryMismatch
        """
        self._sender = sender
        read(sender, "_RTCRtpSender__rtp_timestamp")
        read(sender, "_ssrc")
        replace(sender, "_next_encoded_frame", self._next)
        self._send_reports = replace(sender, "_send_rtcp", self._send_rtcp)
        self._handle_feedback = replace(sender, "_handle_rtcp_packet", self._feedback)
        replace(sender, "_send_keyframe", self._want_key_frame)
        replace(sender, "_RTCRtpSender__encoder", self)
        replace(sender, "_RTCRtpSender__lsr", None)

    @property
    def target_bitrate(self) -> int:
        """Set by the receiver's REMB reports; the library sets it only where it can also be read."""
        return self._target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bits_per_second: int) -> None:
        self._target_bitrate = self._estimate = bits_per_second
        self._pass_on()

    def put(self, encoded: Encoded) -> None:
        """Queue a frame. If the path is stalled, everything waiting is dropped: late media are worth nothing."""
        if self._queue.full():
            self.clear()
            self._want_key_frame()
            return
        self._queue.put_nowait(encoded)
        self._pass_on()

    def clear(self) -> None:
        while not self._queue.empty():
            self._queue.get_nowait()

    async def _next(self, codec: RTCRtpCodecParameters) -> RTCEncodedFrame:
        """Called by the sender's loop, once the frame before has been sent."""
        if self._last_timestamp is not None and self._origin is None:
            self._origin = vars(self._sender)["_RTCRtpSender__rtp_timestamp"] - self._last_timestamp
        if self._packer is None:
            self._packer = get_encoder(codec)
        encoded = await self._queue.get()
        packet = av.Packet(encoded.data)
        packet.pts = encoded.pts
        packet.time_base = Fraction(1, self._clock_rate)
        payloads, timestamp = self._packer.pack(packet)
        self._last_timestamp = timestamp
        return RTCEncodedFrame(payloads, timestamp, None)  # type: ignore[arg-type]  # no audio level

    async def _send_rtcp(self, packets: list[AnyRtcpPacket]) -> None:
        for packet in packets:
            if isinstance(packet, RtcpSrPacket) and not self._tell_media_time(packet):
                return
        await self._send_reports(packets)

    def _tell_media_time(self, report: RtcpSrPacket) -> bool:
        """Write the media clock's time into a sender report; False while it is not known."""
        if self._origin is None or self._last_timestamp is None:
            return False
        behind = signed32(report.sender_info.rtp_timestamp - self._origin - self._last_timestamp)
        presentation_time = (self._last_timestamp + behind) / self._clock_rate
        ntp = self._wall.ntp(self._media.due(presentation_time))
        report.sender_info.ntp_timestamp = ntp
        vars(self._sender)["_RTCRtpSender__lsr"] = (ntp >> 16) & 0xFFFFFFFF
        return True

    async def _feedback(self, packet: AnyRtcpPacket) -> None:
        """Takes the place of the sender's handler of RTCP: packets are sent again as long as the budget lasts."""
        if isinstance(packet, RtcpRtpfbPacket):
            lost = list(dict.fromkeys(packet.lost))
            packet.lost = lost[: self._retransmissions.take_up_to(self._now(), len(lost))]
        await self._handle_feedback(packet)

    def _want_key_frame(self) -> None:
        self._key_frame_wanted = True
        self._pass_on()

    def _pass_on(self) -> None:
        """Pass on what the receiver asked for, as soon as it may ask again. Also called with every frame."""
        now = self._now()
        if self._key_frame_wanted and self._key_frames.take(now):
            self._key_frame_wanted = False
            self.on_key_frame()
        if self._estimate is not None and self._estimates.take(now):
            estimate, self._estimate = self._estimate, None
            self.on_bitrate(estimate)
