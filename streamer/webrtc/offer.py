"""Checks an SDP offer before the WebRTC library sees it, and prepares it.

Candidates that must not be dialled and sections that are not served are taken out; the audio is named first in the
BUNDLE group.

Pure text in, text out. The library asserts where it should refuse; nothing reaches it that was not looked at here.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from streamer.errors import BadOffer, TooLarge

MAX_SDP = 64 * 1024  # bytes; Chromium's offers have 4 to 8 KiB
MAX_LINES = 2_000
MAX_MEDIA = 8  # m-lines
MAX_CANDIDATES = 64  # a laptop with several networks offers about ten
SENDING = ("sendrecv", "sendonly")
RECEIVING = ("sendrecv", "recvonly")
GROUP, BUNDLE = "a=group:", "a=group:BUNDLE"
# Browsers need none of these in a section that is rejected; clients made with aiortc do.
TRANSPORT = ("a=ice-ufrag:", "a=ice-pwd:", "a=fingerprint:", "a=setup:")
VIDEO_CODECS = {"vp8", "h264"}
REPAIR_CODECS = {"rtx", "red", "ulpfec", "flexfec-03"}  # carry no video of their own
DYNAMIC_PAYLOAD_TYPES = range(96, 128)  # RFC 3551 section 6; the library knows no others
SETUPS = ("actpass", "active", "passive")  # RFC 8842 section 5.3, less what only a connection that exists can have
RID = re.compile(r"[A-Za-z0-9_-]{1,64}")  # RFC 8852 section 3.1
SIMULCAST = re.compile(r"[A-Za-z0-9_~,;-]{1,512}")  # a list of layers (RFC 8853 section 5.1)


@dataclass(frozen=True, slots=True)
class Wants:
    """What the server wants of a connection.

    audio_in: the peer's microphone. audio_out, video_out: to send the presenter's audio and video. data: a data
    channel. A section that the offer has and the server does not want is rejected, or its media are dropped.
    video_in: an offer whose video could not be accepted, and dropped, is refused: its client would not go on without.
    dtls_passive: the peer begins the DTLS handshake, where its offer leaves the choice. As the server of it, the
    connection takes a peer's certificate of any kind.
    """

    audio_in: bool = False
    audio_out: bool = False
    video_out: bool = False
    data: bool = False
    video_in: bool = False
    dtls_passive: bool = False


PRESENTER = Wants(audio_in=True, audio_out=True, video_out=True)
VIEWER = Wants(audio_out=True, video_out=True)
SPEAKER = Wants(audio_in=True, video_in=True, dtls_passive=True)  # WHIP: sends audio, and video perhaps
WHEP_VIEWER = Wants(audio_out=True, video_out=True, dtls_passive=True)


@dataclass(slots=True)
class Section:
    """One m-line, the lines that follow it, and what they say."""

    kind: str
    lines: list[str]
    direction: str = ""  # of a section of audio or video that says none: sendrecv
    mux: bool = False
    mid: str = ""
    codecs: set[str] = field(default_factory=set)
    layers: list[str] = field(default_factory=list)  # lines that accept the simulcast layers that it sends (RFC 8853)


@dataclass(frozen=True, slots=True)
class IceCredentials:
    """Of the peer; None where the offer has none, which the library refuses."""

    ufrag: str | None
    pwd: str | None


@dataclass(frozen=True, slots=True)
class Rejected:
    """A section that is not served. index: its place among the offer's sections; lines: what the answer says of it."""

    index: int
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checked:
    """An offer that can be served.

    sdp: for the library, without what is rejected.
    audio, video, data: mids; None where there is no section, or one that is rejected.
    video_in: the peer sends video, which nobody wants: it is accepted and dropped.
    """

    sdp: str
    audio: str
    video: str | None
    data: str | None
    video_in: bool
    rejected: tuple[Rejected, ...]
    ice: IceCredentials = IceCredentials(None, None)
    either_role: bool = False  # in the DTLS handshake: the offer leaves the choice
    accepted_video: tuple[str, ...] = ()  # lines of the answer that accept the codec and the layers of what is dropped


def check_offer(sdp: str, wants: Wants, *, allow_loopback: bool) -> Checked:
    """Check that the offer can be served, and prepare it for the library.

    allow_loopback: candidates of the server's own machine may be dialled.

    Raises:
        TooLarge: more than 64 KiB.
        BadOffer: the offer cannot be served; the message says what was expected.
    """
    try:
        size = len(sdp.encode())
    except UnicodeEncodeError as error:
        raise BadOffer(f"invalid UTF-8: lone surrogate at offset {error.start}") from error
    if size > MAX_SDP:
        raise TooLarge(f"an SDP offer of more than {MAX_SDP // 1024} KiB; offers of browsers have 4 to 8 KiB")
    lines = sdp.splitlines()
    if not lines or lines[0] != "v=0":
        raise BadOffer("not SDP: the first line must be 'v=0'")
    if len(lines) > MAX_LINES:
        raise BadOffer(f"{len(lines)} lines; at most {MAX_LINES} are read")
    session, sections, bundle = read_sections(lines)
    for section in sections:
        if section.kind in ("audio", "video") and not section.direction:
            read_line(section, "a=sendrecv")  # the default (RFC 8866 section 6.7), which the library does not know
    check_setup([*session, *(line for section in sections for line in section.lines)])
    audio = check_audio(sections, bundle, wants)
    if value_of("a=fingerprint:", audio.lines + session) is None:
        raise BadOffer(
            "the offer has no a=fingerprint of the client's certificate; without it nothing can be encrypted"
        )
    video = check_video(sections, bundle, wants)
    data = find_data(sections, bundle, wants)
    served = [section for section in (audio, video, data) if section is not None]
    mids = [section.mid for section in served]
    if len(set(mids)) < len(mids):
        raise BadOffer(f"sections with the same mid, of {mids}: each needs one of its own")
    accepted_video = accept_unread(video) if video is not None and wants.video_in else ()
    kept = with_group(session, f"{BUNDLE} {' '.join(mids)}")
    kept += [line for section in sections if section in served for line in section.lines if not line.startswith(GROUP)]
    return Checked(
        sdp="\r\n".join(keep_candidates(kept, allow_loopback)) + "\r\n",
        audio=audio.mid,
        video=video.mid if video is not None else None,
        data=data.mid if data is not None else None,
        video_in=video is not None and not wants.video_out and video.direction in SENDING,
        rejected=tuple(reject(section, index) for index, section in enumerate(sections) if section not in served),
        ice=IceCredentials(
            value_of("a=ice-ufrag:", audio.lines + session), value_of("a=ice-pwd:", audio.lines + session)
        ),
        either_role=value_of("a=setup:", audio.lines + session) == "actpass",
        accepted_video=accepted_video,
    )


def read_sections(lines: list[str]) -> tuple[list[str], list[Section], list[str]]:
    """The lines before the first section, the sections, and the mids of the BUNDLE group."""
    session: list[str] = []
    sections: list[Section] = []
    bundle: list[str] = []
    for line in lines:
        if line.startswith("m="):
            sections.append(Section(line[2:].split(" ")[0], [line]))
            if len(sections) > MAX_MEDIA:
                raise BadOffer(f"more than {MAX_MEDIA} m-lines; one of audio and one of video are expected")
        elif sections:
            read_line(sections[-1], line)
        else:
            session.append(line)
            if line.startswith(BUNDLE):
                bundle = line.split()[1:]
    return session, sections, bundle


def read_line(section: Section, line: str) -> None:
    section.lines.append(line)
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
    elif name in ("rid", "simulcast"):
        read_layers(section, name, value)


def read_layers(section: Section, name: str, value: str) -> None:
    """`rid:NAME send …` and `simulcast:send LIST`: the answer takes whatever is sent, as it drops it anyway."""
    words = value.split()
    if name == "rid" and len(words) >= 2 and words[1] == "send":
        if not RID.fullmatch(words[0]):
            raise BadOffer(f"a=rid:{words[0][:80]}: letters, digits, '-' and '_' are expected, 64 at most")
        section.layers.append(f"a=rid:{words[0]} recv")
    elif name == "simulcast" and "send" in words[:-1]:
        layers = words[words.index("send") + 1]
        if not SIMULCAST.fullmatch(layers):
            raise BadOffer(f"a=simulcast:{value[:80]}: a list such as 'send high;low' is expected")
        section.layers.append(f"a=simulcast:recv {layers}")


def check_setup(lines: list[str]) -> None:
    for line in lines:
        if line.startswith("a=setup:") and line.removeprefix("a=setup:") not in SETUPS:
            raise BadOffer(f"{line[:80]}: one of {', '.join(SETUPS)} is expected")


def value_of(start: str, lines: list[str]) -> str | None:
    """What follows `start` in the first line that begins with it."""
    return next((line.removeprefix(start) for line in lines if line.startswith(start)), None)


def check_audio(sections: list[Section], bundle: list[str], wants: Wants) -> Section:
    kinds = sorted(section.kind for section in sections)
    found = [section for section in sections if section.kind == "audio"]
    if len(found) != 1 or not set(kinds) <= {"audio", "video", "application"}:
        raise BadOffer(f"m-lines {kinds}: one of audio is expected, one of video, and a data channel perhaps")
    [audio] = found
    check_transport(audio, bundle)
    if wants.audio_out and audio.direction not in RECEIVING:
        raise BadOffer(f"the audio section is {audio.direction}: sendrecv or recvonly is expected")
    if wants.audio_in and audio.direction not in SENDING:
        raise BadOffer(
            f"the audio section is {audio.direction}: it must send the microphone's track (sendrecv or sendonly)"
        )
    if "opus" not in audio.codecs:
        raise BadOffer("the audio section offers no Opus")
    return audio


def check_video(sections: list[Section], bundle: list[str], wants: Wants) -> Section | None:
    """The section of the video; None if there is none that can be served and none is wanted."""
    found = [section for section in sections if section.kind == "video"]
    if len(found) > 1 or (wants.video_out and not found):
        kinds = sorted(section.kind for section in sections)
        raise BadOffer(f"m-lines {kinds}: {'exactly' if wants.video_out else 'at most'} one of video is expected")
    if not wants.video_out:
        if wants.video_in and found:
            check_transport(found[0], bundle)
            return found[0]
        return next((section for section in found if can_be_served(section, bundle)), None)
    [video] = found
    check_transport(video, bundle)
    if video.direction not in RECEIVING:
        raise BadOffer(f"the video section is {video.direction}: sendrecv or recvonly is expected")
    if not video.codecs & VIDEO_CODECS:
        raise BadOffer("the video section offers neither VP8 nor H.264")
    return video


def can_be_served(video: Section, bundle: list[str]) -> bool:
    return video.mux and video.mid in bundle and bool(video.codecs & VIDEO_CODECS)


def accept_unread(video: Section) -> tuple[str, ...]:
    """Accept video of any codec, since it is dropped before it is read. Returns the lines of the answer that do so; the
    section shows the library VP8 in its place.

    Raises:
        BadOffer: the section offers no codec.
    """
    head = video.lines[0].split()
    described = {
        line.removeprefix("a=rtpmap:").split(" ")[0]: line for line in video.lines if line.startswith("a=rtpmap:")
    }
    chosen = next((each for each in head[3:] if is_video(described.get(each, ""))), None)
    if chosen is None:
        raise BadOffer("the video section offers no codec with a payload type of 96 to 127; or send audio alone")
    parameters = [line for line in video.lines if line.startswith(f"a=fmtp:{chosen} ")]
    video.lines = [
        " ".join([*head[:3], chosen]),
        *(line for line in video.lines[1:] if not line.startswith(("a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"))),
        f"a=rtpmap:{chosen} VP8/90000",
    ]
    return (described[chosen], *parameters, *video.layers)


def is_video(description: str) -> bool:
    """Does `a=rtpmap:NUMBER CODEC/RATE` name a codec whose number the library takes?"""
    number, _, codec = description.removeprefix("a=rtpmap:").partition(" ")
    repairs = codec.partition("/")[0].lower() in REPAIR_CODECS
    return number.isdecimal() and int(number) in DYNAMIC_PAYLOAD_TYPES and bool(codec) and not repairs


def find_data(sections: list[Section], bundle: list[str], wants: Wants) -> Section | None:
    """The data channel's section, if it is wanted and can be served; it is never a reason to refuse the offer."""
    if not wants.data:
        return None
    data = (section for section in sections if section.kind == "application" and section.mid in bundle)
    return next((section for section in data if "webrtc-datachannel" in section.lines[0]), None)


def check_transport(section: Section, bundle: list[str]) -> None:
    if not section.mux or section.mid not in bundle:
        raise BadOffer(f"the {section.kind} section must use rtcp-mux and be in the BUNDLE group")


def reject(section: Section, index: int) -> Rejected:
    """What an answer says of a section that it rejects: port 0, and in no group (RFC 8829 section 5.3.1)."""
    head = section.lines[0].split(" ")
    head[1:2] = ["0"]
    mid = (f"a=mid:{section.mid}",) if section.mid else ()
    # The SCTP port is for clients made with aiortc, which read it of a section that is rejected, too.
    port = tuple(line for line in section.lines if line.startswith("a=sctp-port:"))
    return Rejected(index, (" ".join(head).removeprefix("m="), "c=IN IP4 0.0.0.0", *mid, *port, "a=inactive"))


def with_accepted_video(answer: str, accepted: tuple[str, ...]) -> str:
    """The answer with these lines, if there are any, in place of those that describe the codec of its video."""
    if not accepted:
        return answer
    head, *sections = [part.removesuffix("\r\n").split("\r\n") for part in answer.split("\r\nm=")]
    for section in sections:
        if section[0].startswith("video"):
            section[:] = [line for line in section if not line.startswith(("a=rtpmap:", "a=fmtp:"))] + [*accepted]
    return "\r\nm=".join("\r\n".join(part) for part in (head, *sections)) + "\r\n"


def with_rejected(answer: str, rejected: tuple[Rejected, ...]) -> str:
    """The answer with sections for those that were taken out of the offer, where the offer had them."""
    head, *sections = [part.removesuffix("\r\n").split("\r\n") for part in answer.split("\r\nm=")]
    transport = [line for line in sections[0] if line.startswith(TRANSPORT)]
    for each in rejected:
        sections.insert(each.index, [*each.lines, *transport])
    return "\r\nm=".join("\r\n".join(part) for part in (head, *sections)) + "\r\n"


def with_group(session: list[str], group: str) -> list[str]:
    """The session's lines with `group` in place of its groups, of which there is one at least.

    The library keeps the transport of the mid that the first group names first and closes the others: were that mid
    not the audio's, whose transport all sections use, nothing could ever connect.
    """
    place = next(place for place, line in enumerate(session) if line.startswith(GROUP))
    kept = [line for line in session if not line.startswith(GROUP)]
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
