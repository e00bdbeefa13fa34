"""Spoilt offers, by the hundred: each is answered so that its peer can connect, or refused; nothing is left open."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streamer.clock import MediaClock, MonotonicClock
from streamer.config import WebRtcConfig
from streamer.errors import BadOffer, TooLarge
from streamer.webrtc.offer import PRESENTER
from streamer.webrtc.peer import Peer, PeerEvents
from tests.streamer.webrtc.offers import CHROMIUM, joined, lines

pytestmark = [pytest.mark.anyio, pytest.mark.usefixtures("nothing_left"), pytest.mark.slow]

Edit = Callable[[list[str]], None]

TOKENS = st.one_of(
    st.text(max_size=12),
    st.integers(-(1 << 40), 1 << 40).map(str),
    st.sampled_from(["", " ", ":", "/", "=", "a=", "0"]),
)
places = st.integers(0, len(lines(CHROMIUM)) - 1)


def drop(of: list[str], place: int) -> None:
    del of[place % len(of)]


def double(of: list[str], place: int) -> None:
    of.insert(place % len(of), of[place % len(of)])


def move(of: list[str], place: int, to: int) -> None:
    of.insert(to % len(of), of.pop(place % len(of)))


def cut(of: list[str], place: int, length: int) -> None:
    of[place % len(of)] = of[place % len(of)][:length]


def spoil(of: list[str], place: int, word: int, token: str) -> None:
    words = of[place % len(of)].split(" ")
    words[word % len(words)] = token
    of[place % len(of)] = " ".join(words)


def spoil_value(of: list[str], place: int, token: str) -> None:
    of[place % len(of)] = of[place % len(of)].partition(":")[0] + ":" + token


def regroup(of: list[str], mids: list[str], place: int, stranger: str) -> None:
    """Another order, and one mid more, of no section or of one twice."""
    mids = [*mids[:place], stranger, *mids[place:]]
    of[:] = [f"a=group:BUNDLE {' '.join(mids)}" if line.startswith("a=group:BUNDLE") else line for line in of]


edits: st.SearchStrategy[Edit] = st.one_of(
    places.map(lambda place: lambda of: drop(of, place)),
    places.map(lambda place: lambda of: double(of, place)),
    st.tuples(places, places).map(lambda pair: lambda of: move(of, *pair)),
    st.tuples(places, st.integers(0, 20)).map(lambda pair: lambda of: cut(of, *pair)),
    st.tuples(places, st.integers(0, 5), TOKENS).map(lambda three: lambda of: spoil(of, *three)),
    st.tuples(places, TOKENS).map(lambda pair: lambda of: spoil_value(of, *pair)),
    st.tuples(st.permutations(["0", "1"]), st.integers(0, 2), st.sampled_from(["", "0", "1", "zz"])).map(
        lambda three: lambda of: regroup(of, *three)
    ),
)


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(edits, min_size=1, max_size=4))
async def test_a_spoilt_offer_is_answered_or_refused(changes: list[Edit]) -> None:
    spoilt = lines(CHROMIUM)
    for change in changes:
        change(spoilt)
    clock = MonotonicClock()
    peer = Peer(WebRtcConfig(), clock, MediaClock(clock.now()), IGNORED)
    try:
        answer = await peer.answer(joined(spoilt), PRESENTER)
    except (BadOffer, TooLarge):
        pass
    else:
        assert answer.startswith("v=0\r\n")
        assert "a=candidate:" in answer, "nobody could ever connect"
    finally:
        await peer.close()


IGNORED = PeerEvents(
    on_packet=lambda timestamp, payload: None,
    on_connected=lambda: None,
    on_closed=lambda: None,
    on_key_frame=lambda: None,
    on_bitrate=lambda bitrate: None,
    on_dropped_datagram=lambda: None,
)
