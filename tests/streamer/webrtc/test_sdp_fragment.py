"""Candidates that come after the offer: fragments as clients write them, and what is refused."""

from __future__ import annotations

import pytest

from streamer.errors import BadRequest
from streamer.webrtc.offer import IceCredentials
from streamer.webrtc.sdp_fragment import read_fragment
from tests.streamer.webrtc.offers import candidate, joined

CREDENTIALS = ("a=ice-ufrag:EsAw", "a=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1")
SECTION = ("m=audio 9 UDP/TLS/RTP/SAVPF 0", "a=mid:0")
OFFERED = IceCredentials("EsAw", "P2uYro0UCOQ4zxjKXaWCBui1")


def test_the_example_of_the_standard_is_read() -> None:
    sent = [candidate("192.0.2.1"), candidate("198.51.100.1", port=50_001)]
    fragment = read_fragment(joined([*CREDENTIALS, *SECTION, *sent, "a=end-of-candidates"]))
    assert fragment.candidates == tuple(sent)
    assert fragment.complete
    assert fragment.belongs_to(OFFERED)


def test_lines_may_end_with_a_line_feed_alone_and_credentials_may_be_missing() -> None:
    fragment = read_fragment("\n".join([*SECTION, candidate("192.0.2.1")]))
    assert (len(fragment.candidates), fragment.complete) == (1, False)
    assert fragment.belongs_to(OFFERED)


@pytest.mark.parametrize("other", [("a=ice-ufrag:other", CREDENTIALS[1]), (CREDENTIALS[0], "a=ice-pwd:other")])
def test_other_credentials_are_those_of_a_restart(other: tuple[str, ...]) -> None:
    assert not read_fragment(joined([*other, *SECTION])).belongs_to(OFFERED)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty SDP fragment"),
        (joined([*SECTION]), "empty SDP fragment"),
        ("v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n", "'v=0' is no line of an SDP fragment"),
        ("nonsense", "'nonsense' is no line"),
        (joined([*CREDENTIALS, "m=audio 9 x 0", "a=ice-ufrag:other"]), "two different values of ice-ufrag"),
    ],
)
def test_what_is_no_fragment_is_refused(text: str, why: str) -> None:
    with pytest.raises(BadRequest, match=why):
        read_fragment(text)
