"""Offers for the tests: a real one of Chromium 150, and ways to spoil it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

CHROMIUM = (Path(__file__).parent.parent / "data" / "chromium_offer.sdp").read_bytes().decode()

Change = Callable[[str], str]


def lines(sdp: str) -> list[str]:
    return sdp.split("\r\n")[:-1]


def joined(of: list[str]) -> str:
    return "\r\n".join(of) + "\r\n"


def replace(old: str, new: str, count: int = -1) -> Change:
    def change(sdp: str) -> str:
        assert old in sdp, f"{old!r} is not in the offer"
        return sdp.replace(old, new, count)

    return change


def without(start: str) -> Change:
    """Less the lines that begin so."""

    def change(sdp: str) -> str:
        kept = [line for line in lines(sdp) if not line.startswith(start)]
        assert len(kept) < len(lines(sdp)), f"no line begins with {start!r}"
        return joined(kept)

    return change


def section(kind: str, change: Change) -> Change:
    """The change, made to one m-line's section only."""

    def changed(sdp: str) -> str:
        before, head, rest = sdp.partition(f"m={kind}")
        body, following, after = rest.partition("\r\nm=")
        return before + change(head + body + "\r\n").removesuffix("\r\n") + (following or "\r\n") + after

    return changed


def with_lines(*added: str) -> Change:
    """With more lines in the audio section, as candidates are."""
    return replace("a=rtcp-mux\r\n", joined(["a=rtcp-mux", *added]), 1)


def candidate(address: str, transport: str = "udp", port: int = 50_000) -> str:
    return f"a=candidate:1 1 {transport} 2113937151 {address} {port} typ host generation 0"


VIEWER = section("audio", replace("a=sendrecv", "a=recvonly"))(CHROMIUM)
