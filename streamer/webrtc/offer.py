"""Checks an SDP offer before the WebRTC library sees it, removes candidates that must not be dialled, and names the
sound first in the BUNDLE group.

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
GROUP, BUNDLE = "a=group:", "a=group:BUNDLE"


@dataclass(slots=True)
class Section:
    """One m-line and what follows it."""

    kind: str
    direction: str = "sendrecv"  # RFC 8866 section 6.7: the default
    mux: bool = False
    mid: str = ""
    codecs: set[str] = field(default_factory=set)


def check_offer(sdp: str, *, with_microphone: bool, allow_loopback: bool) -> str:
    """Return the offer without candidates that must not be dialled, and with one group, of the sound and the picture.

    with_microphone: the peer is a presenter, whose sound we need; otherwise a viewer, who only receives.

    Raises:
        TooLarge: more than 64 KiB.
        BadOffer: the offer cannot be served; the message says what was expected.
    """
    try:
        size = len(sdp.encode())
    except UnicodeEncodeError as error:
        raise BadOffer(f"half a character, a lone surrogate, at place {error.start}; SDP is UTF-8 text") from error
    if size > MAX_SDP:
        raise TooLarge(f"an SDP offer of more than {MAX_SDP // 1024} KiB; offers of browsers have 4 to 8 KiB")
    lines = sdp.splitlines()
    if not lines or lines[0] != "v=0":
        raise BadOffer("not SDP: the first line must be 'v=0'")
    if len(lines) > MAX_LINES:
        raise BadOffer(f"{len(lines)} lines; at most {MAX_LINES} are read")
    sections, bundle = read_sections(lines)
    audio, video = check_sections(sections, bundle, with_microphone)
    kept = with_group(keep_candidates(lines, allow_loopback), f"{BUNDLE} {audio.mid} {video.mid}")
    return "\r\n".join(kept) + "\r\n"


def read_sections(lines: list[str]) -> tuple[list[Section], list[str]]:
    sections: list[Section] = []
    bundle: list[str] = []
    for line in lines:
        if line.startswith("m="):
            sections.append(Section(kind=line[2:].split(" ")[0]))
            if len(sections) > MAX_MEDIA:
                raise BadOffer(f"more than {MAX_MEDIA} m-lines; one of audio and one of video are expected")
        elif sections:
            read_attribute(sections[-1], line)
        elif line.startswith(BUNDLE):
            bundle = line.split()[1:]
    return sections, bundle


def read_attribute(section: Section, line: str) -> None:
    kind, _, attribute = line.partition("=")
    name, _, value = attribute.partition(":")
    if kind != "a":
        return
    if name in ("sendrecv", "sendonly", "recvonly", "inactive"):
        section.direction = name
    elif name == "rtcp-mux":
        section.mux = True
    elif name == "mid":
        section.mid = value
    elif name == "rtpmap":
        section.codecs.add(value.partition(" ")[2].partition("/")[0].lower())


def check_sections(sections: list[Section], bundle: list[str], with_microphone: bool) -> tuple[Section, Section]:
    """The section of sound and that of the picture."""
    kinds = sorted(section.kind for section in sections)
    if kinds != ["audio", "video"]:
        raise BadOffer(f"m-lines {kinds}: exactly one of audio and one of video are expected, and no data channel")
    for section in sections:
        if not section.mux or section.mid not in bundle:
            raise BadOffer(f"the {section.kind} section must use rtcp-mux and be in the BUNDLE group")
        if section.direction not in RECEIVING:
            raise BadOffer(f"the {section.kind} section is {section.direction}: sendrecv or recvonly is expected")
    audio, video = sorted(sections, key=lambda section: section.kind)
    if audio.mid == video.mid:
        raise BadOffer(f"both sections have the mid {audio.mid!r}: each needs one of its own")
    if with_microphone and audio.direction not in SENDING:
        raise BadOffer("the audio section is recvonly: a presenter's must be sendrecv, with the microphone's track")
    if "opus" not in audio.codecs:
        raise BadOffer("the audio section offers no Opus")
    if not video.codecs & {"vp8", "h264"}:
        raise BadOffer("the video section offers neither VP8 nor H.264")
    return audio, video


def with_group(lines: list[str], group: str) -> list[str]:
    """The offer with `group` in place of its groups, of which there is one at least.

    The library keeps the transport of the mid that the first group names first and closes the others: were that mid
    not the sound's, whose transport both tracks use, nothing could ever connect.
    """
    place = next(place for place, line in enumerate(lines) if line.startswith(GROUP))
    kept = [line for line in lines if not line.startswith(GROUP)]
    return [*kept[:place], group, *kept[place:]]


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
