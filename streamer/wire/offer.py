"""Checks an SDP offer before the WebRTC library sees it, and removes candidates that must not be dialled.

Pure text in, text out. The library asserts where it should refuse; nothing reaches it that was not looked at here.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field

from streamer.errors import BadOffer, TooLarge

MAX_SDP = 64 * 1024  # bytes; Chromium's offers have 4 to 8 KiB
MAX_LINES = 2_000
MAX_MEDIA = 8  # m-lines
MAX_CANDIDATES = 64  # a laptop with several networks offers about ten
SENDING = ("sendrecv", "sendonly")
RECEIVING = ("sendrecv", "recvonly")


@dataclass(slots=True)
class Section:
    """One m-line and what follows it."""

    kind: str
    direction: str = "sendrecv"  # RFC 8866 section 6.7: the default
    mux: bool = False
    mid: str = ""
    codecs: set[str] = field(default_factory=set)


def check_offer(sdp: str, *, with_microphone: bool, allow_loopback: bool) -> str:
    """Return the offer without candidates that must not be dialled.

    with_microphone: the peer is a presenter, whose sound we need; otherwise a viewer, who only receives.

    Raises:
        TooLarge: more than 64 KiB.
        BadOffer: the offer cannot be served; the message says what was expected.
    """
    if len(sdp.encode("utf-8", "surrogatepass")) > MAX_SDP:
        raise TooLarge(f"an SDP offer of more than {MAX_SDP // 1024} KiB; offers of browsers have 4 to 8 KiB")
    lines = sdp.splitlines()
    if not lines or lines[0] != "v=0":
        raise BadOffer("not SDP: the first line must be 'v=0'")
    if len(lines) > MAX_LINES:
        raise BadOffer(f"{len(lines)} lines; at most {MAX_LINES} are read")
    sections, bundle = read_sections(lines)
    check_sections(sections, bundle, with_microphone)
    return "\r\n".join(keep_candidates(lines, allow_loopback)) + "\r\n"


def read_sections(lines: list[str]) -> tuple[list[Section], list[str]]:
    sections: list[Section] = []
    bundle: list[str] = []
    for line in lines:
        if line.startswith("m="):
            sections.append(Section(kind=line[2:].split(" ")[0]))
            if len(sections) > MAX_MEDIA:
                raise BadOffer(f"more than {MAX_MEDIA} m-lines; one of audio and one of video are expected")
        elif line.startswith("a=group:BUNDLE"):
            bundle = line.split(" ")[1:]
        elif sections:
            read_attribute(sections[-1], line)
    return sections, bundle


def read_attribute(section: Section, line: str) -> None:
    name, _, value = line.removeprefix("a=").partition(":")
    if name in ("sendrecv", "sendonly", "recvonly", "inactive"):
        section.direction = name
    elif name == "rtcp-mux":
        section.mux = True
    elif name == "mid":
        section.mid = value
    elif name == "rtpmap":
        section.codecs.add(value.partition(" ")[2].partition("/")[0].lower())


def check_sections(sections: list[Section], bundle: list[str], with_microphone: bool) -> None:
    kinds = sorted(section.kind for section in sections)
    if kinds != ["audio", "video"]:
        raise BadOffer(f"m-lines {kinds}: exactly one of audio and one of video are expected, and no data channel")
    for section in sections:
        if not section.mux or section.mid not in bundle:
            raise BadOffer(f"the {section.kind} section must use rtcp-mux and be in the BUNDLE group")
        if section.direction not in RECEIVING:
            raise BadOffer(f"the {section.kind} section is {section.direction}: sendrecv or recvonly is expected")
    audio, video = sorted(sections, key=lambda section: section.kind)
    if with_microphone and audio.direction not in SENDING:
        raise BadOffer("the audio section is recvonly: a presenter's must be sendrecv, with the microphone's track")
    if "opus" not in audio.codecs:
        raise BadOffer("the audio section offers no Opus")
    if not video.codecs & {"vp8", "h264"}:
        raise BadOffer("the video section offers neither VP8 nor H.264")


def keep_candidates(lines: list[str], allow_loopback: bool) -> list[str]:
    candidates = sum(line.startswith("a=candidate:") for line in lines)
    if candidates > MAX_CANDIDATES:
        raise BadOffer(f"{candidates} candidates; at most {MAX_CANDIDATES} are read")
    return [line for line in lines if not line.startswith("a=candidate:") or may_dial(line, allow_loopback)]


def may_dial(line: str, allow_loopback: bool) -> bool:
    """May the server send to this candidate? Not to names, groups, metadata services or other machines' own selves.

    A peer behind such an address still connects: it dials us, and we answer where it came from.
    """
    parts = line.split()
    if len(parts) < 6 or parts[2].lower() != "udp":
        return False
    try:
        address = ipaddress.ip_address(parts[4])
    except ValueError:
        return False  # an mDNS name: resolving it would cost a multicast query for each offer
    if address.is_loopback:
        return allow_loopback
    return not (address.is_multicast or address.is_unspecified or address.is_link_local or address.is_reserved)
