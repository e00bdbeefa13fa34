"""Offers are served or refused with a reason, by looking at the text alone."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.errors import BadOffer, Problem, TooLarge
from streamer.webrtc.offer import (
    MAX_CANDIDATES,
    MAX_LINES,
    MAX_MEDIA,
    MAX_SDP,
    PRESENTER,
    SPEAKER,
    VIEWER,
    Wants,
    check_offer,
    with_rejected,
)
from tests.streamer.webrtc.offers import (
    CHROMIUM,
    Change,
    candidate,
    joined,
    lines,
    replace,
    section,
    with_lines,
    without,
)
from tests.streamer.webrtc.offers import VIEWER as VIEWER_OFFER


def check(sdp: str, wants: Wants = PRESENTER, *, allow_loopback: bool = True) -> str:
    return check_offer(sdp, wants, allow_loopback=allow_loopback).sdp


def test_chromiums_offer_passes_unchanged_but_for_names() -> None:
    assert lines(check(CHROMIUM)) == [line for line in lines(CHROMIUM) if ".local" not in line]


def test_a_viewer_sends_no_sound() -> None:
    assert check(VIEWER_OFFER, VIEWER)
    with pytest.raises(BadOffer, match="microphone"):
        check(VIEWER_OFFER)


@pytest.mark.parametrize(
    "group",
    [
        pytest.param("BUNDLE 1 0", id="video first"),
        pytest.param("BUNDLE zz 0 1", id="a stranger first"),
        pytest.param(" BUNDLE 1 0\r\na=group:BUNDLE 0 1", id="another before it"),
        pytest.param("BUNDLE 0 1\r\na=group:LS 1 0", id="another after it"),
    ],
)
def test_the_library_is_told_of_one_group_with_the_sound_first(group: str) -> None:
    assert check(replace("BUNDLE 0 1", group)(CHROMIUM)) == check(CHROMIUM)


def test_line_ends_may_be_newlines_only() -> None:
    assert check(CHROMIUM.replace("\r\n", "\n")) == check(CHROMIUM)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        pytest.param(lambda _: "", "v=0", id="empty"),
        pytest.param(lambda _: "hello", "v=0", id="not SDP"),
        pytest.param(lambda sdp: "\r\n" + sdp, "v=0", id="an empty line first"),
        pytest.param(lambda sdp: sdp.split("m=audio")[0], "m-lines", id="no media"),
        pytest.param(lambda sdp: sdp.split("m=video")[0], "m-lines", id="no video"),
        pytest.param(replace("m=video", "m=audio"), "m-lines", id="two of audio"),
        pytest.param(lambda sdp: sdp + "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\n", "m-lines", id="one more of audio"),
        pytest.param(lambda sdp: sdp + "m=audio 9 RTP/AVP 0\r\n" * 300, f"more than {MAX_MEDIA}", id="300 m-lines"),
        pytest.param(lambda sdp: sdp + "a=x\r\n" * MAX_LINES, "lines", id="too many lines"),
        pytest.param(without("a=group:BUNDLE"), "BUNDLE", id="no bundle"),
        pytest.param(replace("BUNDLE 0 1", "BUNDLE 0"), "video section", id="video out of the bundle"),
        pytest.param(
            lambda sdp: with_lines("a=group:BUNDLE 0 1")(without("a=group")(sdp)), "BUNDLE", id="a section's bundle"
        ),
        pytest.param(replace("a=mid:1", "a=mid:0"), "the same mid", id="one mid for both"),
        pytest.param(replace("a=mid:1", "mid:1"), "BUNDLE", id="a mid that is no attribute"),
        pytest.param(section("audio", without("a=rtcp-mux")), "rtcp-mux", id="no rtcp-mux"),
        pytest.param(section("audio", without("a=mid")), "BUNDLE", id="no mid"),
        pytest.param(section("audio", replace("a=sendrecv", "a=recvonly")), "microphone", id="no microphone"),
        pytest.param(section("audio", replace("a=sendrecv", "a=sendonly")), "sendonly", id="deaf"),
        pytest.param(section("audio", replace("a=sendrecv", "a=inactive")), "inactive", id="inactive"),
        pytest.param(section("video", replace("a=recvonly", "a=sendonly")), "sendonly", id="blind"),
        pytest.param(replace("opus/48000", "speex/48000"), "no Opus", id="no Opus"),
        pytest.param(lambda sdp: sdp.replace("VP8/", "VP7/").replace("H264/", "H263/"), "VP8", id="no VP8 or H.264"),
        pytest.param(with_lines(*[candidate("192.0.2.1")] * MAX_CANDIDATES), "candidates", id="too many candidates"),
    ],
)
def test_what_cannot_be_served_is_refused_with_the_reason(change: Change, reason: str) -> None:
    with pytest.raises(BadOffer, match=reason):
        check(change(CHROMIUM))


@pytest.mark.parametrize("letter", ["x", "é", "\U0001f600"])
def test_more_than_64_kib_are_too_large(letter: str) -> None:
    with pytest.raises(TooLarge):
        check(CHROMIUM + "a=" + letter * (MAX_SDP // len(letter.encode())))


@pytest.mark.parametrize(
    ("address", "dialled"),
    [
        ("192.0.2.7", True),
        ("10.0.0.7", True),
        ("2001:db8::7", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("0.0.0.0", False),
        ("224.0.0.251", False),
        ("ff02::fb", False),
        ("169.254.169.254", False),
        ("fe80::1", False),
        ("255.255.255.255", False),
        ("8d79.local", False),
        ("example.org", False),
        ("::ffff:169.254.169.254", False),
        ("fe80::1%eth0", False),
        ("", False),
    ],
)
def test_what_is_dialled(address: str, dialled: bool) -> None:
    line = candidate(address)
    assert (line in lines(check(with_lines(line)(CHROMIUM)))) == dialled


@pytest.mark.parametrize("address", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_the_servers_own_self_is_dialled_only_where_it_is_allowed(address: str) -> None:
    line = candidate(address)
    assert line not in check(with_lines(line)(CHROMIUM), allow_loopback=False)


@pytest.mark.parametrize(
    "line", [candidate("192.0.2.7", "tcp"), "a=candidate:", "a=candidate:1 1 udp", "a=candidate:x"]
)
def test_other_candidates_are_left_out(line: str) -> None:
    assert line not in lines(check(with_lines(line)(CHROMIUM)))


@given(st.text(max_size=400))
def test_any_text_is_refused_as_a_problem(text: str) -> None:
    with pytest.raises(Problem):
        check(text)


@given(st.lists(st.sampled_from(lines(CHROMIUM)), max_size=60), st.booleans())
def test_shuffled_lines_pass_or_are_refused(shuffled: list[str], microphone: bool) -> None:
    try:
        checked = check(joined(["v=0", *shuffled]), PRESENTER if microphone else VIEWER)
    except BadOffer:
        return
    assert checked.startswith("v=0\r\n")


DATA = joined(
    [
        "m=application 9 UDP/DTLS/SCTP webrtc-datachannel",
        "c=IN IP4 0.0.0.0",
        "a=mid:2",
        "a=sctp-port:5000",
    ]
)


def with_data(sdp: str) -> str:
    return sdp.replace("a=group:BUNDLE 0 1", "a=group:BUNDLE 0 1 2") + DATA


def test_a_data_channel_is_taken_where_it_is_wanted_and_rejected_where_it_is_not() -> None:
    wanted = check_offer(with_data(CHROMIUM), dataclasses.replace(PRESENTER, data=True), allow_loopback=True)
    assert (wanted.data, wanted.rejected) == ("2", ())
    assert "m=application" in wanted.sdp
    plain = check_offer(with_data(CHROMIUM), PRESENTER, allow_loopback=True)
    assert plain.data is None
    assert "m=application" not in plain.sdp
    [rejected] = plain.rejected
    assert rejected.index == 2
    assert rejected.lines[0].startswith("application 0 ")


def test_a_speaker_may_only_send_and_its_video_is_accepted_and_dropped() -> None:
    sending = CHROMIUM.replace("a=sendrecv", "a=sendonly").replace("a=recvonly", "a=sendonly")
    checked = check_offer(sending, SPEAKER, allow_loopback=True)
    assert checked.video_in
    with pytest.raises(BadOffer, match="sendonly: sendrecv or recvonly is expected"):
        check(sending)


def test_what_is_rejected_is_answered_in_its_place() -> None:
    plain = check_offer(with_data(CHROMIUM), PRESENTER, allow_loopback=True)
    answer = with_rejected("v=0\r\nm=audio 1 X 0\r\na=ice-ufrag:u\r\nm=video 1 X 0\r\na=mid:1\r\n", plain.rejected)
    kinds = [line for line in lines(answer) if line.startswith("m=")]
    assert [kind.split(" ")[0] for kind in kinds] == ["m=audio", "m=video", "m=application"]
    assert kinds[2].split(" ")[1] == "0"
