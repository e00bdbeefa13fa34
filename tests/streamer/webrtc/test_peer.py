"""Real connections on the loopback. Every hook into the WebRTC library is driven here by the library itself."""

from __future__ import annotations

import asyncio
import dataclasses
import gc
import socket
from typing import Any

import pytest
from aiortc import InvalidStateError
from aiortc.rtp import (
    RTCP_PSFB_APP,
    RTCP_RTPFB_NACK,
    RtcpPsfbPacket,
    RtcpReceiverInfo,
    RtcpRrPacket,
    RtcpRtpfbPacket,
    RtcpSrPacket,
    RtpPacket,
    pack_remb_fci,
)

from streamer.audio.opus import OpusDecoder
from streamer.config import IceServer, WebRtcConfig
from streamer.errors import BadOffer
from streamer.webrtc.aiortc_hooks import MAX_SOURCES
from streamer.webrtc.offer import PRESENTER, VIEWER
from streamer.webrtc.peer import ice_server
from tests.streamer.webrtc.call import PATIENCE_S, SIZE, Call, Client, until
from tests.streamer.webrtc.offers import CHROMIUM, candidate, lines, replace, section, with_lines, without

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left")]

both_loops = pytest.mark.parametrize(
    "anyio_backend",
    [
        pytest.param(("asyncio", {"use_uvloop": False}), id="asyncio"),
        pytest.param(("asyncio", {"use_uvloop": True}), id="uvloop"),
    ],
)


@both_loops
async def test_sound_and_picture_go_out_and_the_microphone_comes_in() -> None:
    async with Call() as call:
        received = call.client.received
        await call.play(lambda: len(received["video"]) > 2 and len(received["audio"]) > 5 and len(call.packets) > 2)
        picture = received["video"][-1].to_ndarray(format="rgb24")
        assert picture.shape == (SIZE[1], SIZE[0], 3)
        assert abs(float(picture.mean()) - 128) < 4
        timestamps = [timestamp for timestamp, _ in call.packets]
        assert timestamps == [timestamps[0] + 960 * place for place in range(len(timestamps))]
        assert len(OpusDecoder()(call.packets[-1][1])) == 960
        assert call.peer.video_mime_type == "video/VP8"


@pytest.mark.parametrize("video", ["video/VP8", "video/H264"])
async def test_either_codec_reaches_a_client_that_has_only_that(video: str) -> None:
    async with Call(video=video) as call:
        await call.play(lambda: len(call.client.received["video"]) > 2)
        assert call.peer.video_mime_type == video
        assert abs(float(call.client.received["video"][-1].to_ndarray(format="rgb24").mean()) - 128) < 4


@both_loops
async def test_a_client_that_leaves_is_noticed() -> None:
    async with Call() as call:
        await call.client.close()
        await until(lambda: "closed" in call.told)
    assert call.told == ["connected", "closed"]


async def test_our_own_closing_is_not_reported_back() -> None:
    async with Call() as call:
        await call.peer.close()
    assert call.told == ["connected"]


async def test_an_answered_peer_that_never_comes_leaves_nothing() -> None:
    call, client = Call(), Client()
    await call.peer.answer(await client.offer(), VIEWER)
    await client.close()
    await call.peer.close()
    await call.client.close()


async def test_a_peer_whose_closing_does_not_end_is_abandoned_and_leaves_nothing() -> None:
    call = await Call().__aenter__()
    await call.play(lambda: call.packets)
    receiver = call.peer._connection.getTransceivers()[0].receiver
    vars(receiver)["_RTCRtpReceiver__rtcp_exited"] = NeverSet()  # as when the task of reports has died
    closing = asyncio.create_task(call.peer.close())
    await call.client.close()
    assert not closing.done()
    closing.cancel()
    await call.peer.abandon()


class NeverSet(asyncio.Event):
    def set(self) -> None:
        pass


async def test_a_peer_that_was_never_answered_can_be_abandoned() -> None:
    call = Call()
    await call.peer.abandon()
    await call.client.close()


async def test_of_a_peer_with_very_many_sources_the_newest_are_known() -> None:
    async with Call() as call:
        transport = call.client.receiver("audio").transport
        for source in range(300):
            packet = RtpPacket(payload_type=96, sequence_number=source, ssrc=source + 1, payload=b"\xf8\xff\xfe")
            await transport._send_rtp(packet.serialize())
        await until(lambda: len(call.packets) >= 300)
        receiver: Any = call.peer._connection.getTransceivers()[0].receiver
        for name in ("remote_streams", "active_ssrc"):
            assert len(vars(receiver)[f"_RTCRtpReceiver__{name}"]) == MAX_SOURCES
        assert len(receiver.transport._rtp_router.ssrc_table) == MAX_SOURCES
        heard = len(call.packets)
        await until(lambda: len(call.packets) > heard + 3)


async def test_a_report_that_fits_no_packet_is_not_sent_and_breaks_nothing() -> None:
    async with Call() as call:
        receiver = call.peer._connection.getTransceivers()[0].receiver
        jitter = RtcpReceiverInfo(1, 0, 0, 0, 1 << 32, 0, 0)
        await receiver._send_rtcp(RtcpRrPacket(ssrc=1, reports=[jitter]))


async def test_both_tracks_are_one_stream_of_one_source() -> None:
    async with Call() as call:
        streams = {line.split(" ")[0] for line in lines(call.answer) if line.startswith("a=msid:")}
        names = {line.split("cname:")[1] for line in lines(call.answer) if "cname:" in line}
        assert (len(streams), len(names)) == (1, 1)


async def test_nobody_elses_server_is_asked_for_addresses() -> None:
    async with Call() as call:
        candidates = [line for line in lines(call.answer) if line.startswith("a=candidate:")]
        assert candidates
        assert all(" typ host" in line for line in candidates)
        assert ice_connection(call.peer._connection).stun_server is None


def ice_connection(connection: Any) -> Any:
    return connection.getTransceivers()[0].receiver.transport.transport._connection


def test_ice_servers_of_the_configuration_are_passed_on() -> None:
    server = ice_server(IceServer(("turn:192.0.2.1:3478",), "name", "word"))
    assert (server.urls, server.username, server.credential) == (["turn:192.0.2.1:3478"], "name", "word")
    assert ice_server(IceServer(("stun:192.0.2.1:3478",))).credential is None


async def test_a_key_frame_request_arrives() -> None:
    async with Call() as call:
        await call.play(lambda: call.client.received["video"])
        receiver = call.client.receiver("video")
        await receiver._send_rtcp_pli(call.peer._connection.getTransceivers()[1].sender._ssrc)
        await until(lambda: "key frame" in call.told)


async def test_a_bandwidth_estimate_arrives() -> None:
    async with Call() as call:
        await call.play(lambda: call.client.received["video"])
        ssrc = call.peer._connection.getTransceivers()[1].sender._ssrc
        fci = pack_remb_fci(640_000, [ssrc])
        report = RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci)
        await call.client.receiver("video")._send_rtcp(report)
        await until(lambda: 640_000 in [round(bitrate, -4) for bitrate in call.bitrates])


@pytest.mark.slow
async def test_reports_tell_the_media_clock_and_not_when_a_packet_was_sent() -> None:
    """Pictures are sent late on purpose; the reports of both tracks must still map to one clock."""
    async with Call() as call:
        reports: dict[str, list[RtcpSrPacket]] = {"audio": [], "video": []}
        for kind, kept in reports.items():
            keep_reports(call.client.receiver(kind), kept)
        await call.play(lambda: all(reports.values()))
        zeros = []
        for kind, media, rate in (("audio", call.peer._audio, 48_000), ("video", call.peer._video, 90_000)):
            told = reports[kind][-1].sender_info
            assert media._origin is not None
            presented = ((told.rtp_timestamp - media._origin) % (1 << 32)) / rate
            zeros.append(told.ntp_timestamp / (1 << 32) - presented)
        assert zeros[0] == pytest.approx(zeros[1], abs=0.001)


def keep_reports(receiver: Any, kept: list[RtcpSrPacket]) -> None:
    handle = receiver._handle_rtcp_packet

    async def keep(packet: Any) -> None:
        if isinstance(packet, RtcpSrPacket):
            kept.append(packet)
        await handle(packet)

    receiver._handle_rtcp_packet = keep


async def test_datagrams_of_strangers_and_empty_ones_are_dropped_and_media_go_on() -> None:
    async with Call() as call:
        address = media_address(call.answer)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            for data in (b"", b"\x16\xfe\xff garbage", b"\x80" * 1400, *[b"\x90flood"] * 200):
                stranger.sendto(data, address)
        pair = ice_connection(call.client.connection)._nominated[1]
        pair.protocol.transport.sendto(b"", pair.remote_addr)
        await until(lambda: call.told.count("dropped") > 3)
        seen, heard = len(call.client.received["video"]), len(call.packets)
        await call.play(lambda: len(call.client.received["video"]) > seen + 3 and len(call.packets) > heard + 3)


def media_address(answer: str) -> tuple[str, int]:
    parts = [line.split(" ") for line in lines(answer) if line.startswith("a=candidate:")]
    return next((part[4], int(part[5])) for part in parts if ":" not in part[4])


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(replace("a=fingerprint:sha-256 ", "a=fingerprint:"), id="fingerprint"),
        pytest.param(replace("a=setup:actpass", "a=setup:nonsense"), id="setup"),
        pytest.param(section("audio", replace("a=rtpmap:111 opus/48000/2", "a=rtpmap:x opus")), id="rtpmap"),
        pytest.param(replace("m=audio 9 UDP/TLS/RTP/SAVPF", "m=audio nine"), id="m-line"),
        pytest.param(replace("a=extmap:1 ", "a=extmap:one "), id="extmap"),
        pytest.param(with_lines("a=ssrc:x cname:y"), id="ssrc"),
    ],
)
async def test_what_the_library_cannot_parse_is_refused_and_leaves_nothing(change: Any) -> None:
    call = Call()
    with pytest.raises(BadOffer):
        await call.peer.answer(change(CHROMIUM), PRESENTER)
    await call.peer.close()
    await call.client.close()


@pytest.mark.parametrize("kinds", [("audio", "video"), ("video", "audio")], ids=" then ".join)
@pytest.mark.parametrize("group", ["BUNDLE 0 1", "BUNDLE 1 0", "BUNDLE zz 0 1"])
async def test_in_whatever_order_the_tracks_are_named_they_connect(kinds: tuple[str, str], group: str) -> None:
    async with Call(kinds=kinds, change=replace("BUNDLE 0 1", group)) as call:
        await call.play(lambda: call.client.received["video"] and call.client.received["audio"] and call.packets)


async def test_chromiums_offer_is_answered_with_vp8_or_h264_and_opus() -> None:
    call = Call(WebRtcConfig())
    answer = await call.peer.answer(with_lines(candidate("127.0.0.1"))(CHROMIUM), PRESENTER)
    await call.peer.close()
    await call.client.close()
    codecs = {line.split(" ")[1].split("/")[0] for line in lines(answer) if line.startswith("a=rtpmap:")}
    assert codecs == {"opus", "VP8", "H264", "rtx"}
    assert "a=sendrecv" in answer.split("m=video")[0]
    assert "a=sendonly" in answer.split("m=video")[1]


async def test_a_client_that_offers_a_data_channel_joins_though_nobody_wants_it() -> None:
    async with Call(data=True) as call:
        await call.play(lambda: len(call.client.received["video"]) > 2 and len(call.packets) > 2)
        assert not call.peer.send_data("hello")


async def test_messages_reach_a_client_whose_data_channel_is_wanted() -> None:
    async with Call(wants=dataclasses.replace(PRESENTER, data=True), data=True) as call:
        await until(lambda: call.peer.send_data("hello"))
        await until(lambda: "hello" in call.client.messages)
        await call.play(lambda: len(call.client.received["video"]) > 2)


async def test_an_offer_without_a_direction_is_one_of_both_directions() -> None:
    async with Call(change=section("audio", without("a=sendrecv"))) as call:
        await call.play(lambda: call.client.received["audio"] and call.packets)


async def test_a_receiver_that_floods_the_server_with_feedback_is_served_in_bounds_and_others_as_before() -> None:
    """Thousands of key frame requests, lost packets and estimates, as real datagrams of a real peer."""
    async with Call() as hostile, Call() as other:
        await hostile.play(lambda: hostile.client.received["video"])
        receiver: Any = hostile.client.receiver("video")
        ssrc = hostile.peer._connection.getTransceivers()[1].sender._ssrc
        hostile.told.clear()
        hostile.bitrates.clear()
        lost = list(range(0, 5_000))
        for number in range(300):
            await receiver._send_rtcp_pli(ssrc)
            await receiver._send_rtcp(RtcpRtpfbPacket(fmt=RTCP_RTPFB_NACK, ssrc=1, media_ssrc=ssrc, lost=lost))
            fci = pack_remb_fci(100_000 + number, [ssrc])
            await receiver._send_rtcp(RtcpPsfbPacket(fmt=RTCP_PSFB_APP, ssrc=1, media_ssrc=0, fci=fci))
        await until(lambda: "dropped" in hostile.told)
        seen = len(other.client.received["video"])
        await other.play(lambda: len(other.client.received["video"]) > seen + 5 and len(other.packets) > 5)
        assert hostile.told.count("key frame") <= 2 + PATIENCE_S
        assert len(hostile.bitrates) <= 5 * (1 + PATIENCE_S)
        assert "closed" not in hostile.told + other.told
        await hostile.play(lambda: len(hostile.client.received["audio"]) > 5)


async def test_a_mistake_of_our_own_is_not_blamed_on_the_offer(monkeypatch: pytest.MonkeyPatch) -> None:
    call = Call()

    def broken(*_: object) -> None:
        raise KeyError("ours")

    monkeypatch.setattr(call.peer, "_add_transceivers", broken)
    with pytest.raises(KeyError, match="ours"):
        await call.peer.answer(await call.client.offer(), PRESENTER)
    await call.peer.close()
    await call.client.close()


async def test_a_connection_that_is_closed_as_its_checks_succeed_begins_nothing_more() -> None:
    async with Call() as call:
        ice = call.peer._connection.getTransceivers()[0].receiver.transport.transport._connection
        await call.peer.close()
        async with asyncio.timeout(2):  # connect() does this when it resumes; the library's own would never end now
            await ice.query_consent()


@pytest.mark.parametrize("closed", [True, False])
async def test_only_a_connection_closed_as_it_connects_ends_without_an_unretrieved_exception(closed: bool) -> None:
    messages: list[str] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: messages.append(context["message"]))
    call, started = Call(), asyncio.Event()
    await call.peer.answer(await call.client.offer(), PRESENTER)
    transport = call.peer._connection.getTransceivers()[0].receiver.transport.transport

    async def start_late(_: object) -> None:
        if closed:
            await call.peer.close()
        started.set()
        raise InvalidStateError("RTCIceTransport is closed")

    vars(transport)["start"] = start_late  # the task that connects has not run yet
    async with asyncio.timeout(PATIENCE_S):
        await started.wait()
    await asyncio.sleep(0)  # the task ends
    gc.collect()
    assert messages == ([] if closed else ["Task exception was never retrieved"])
    await call.peer.close()
    await call.client.close()
