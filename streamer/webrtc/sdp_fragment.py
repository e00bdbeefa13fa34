"""SDP fragments by which a peer tells candidates that it finds after its offer: trickle ICE (RFC 8840 section 9)."""

from __future__ import annotations

from dataclasses import dataclass

from streamer.errors import BadRequest, Problem
from streamer.webrtc.offer import IceCredentials

MAX_FRAGMENT = 16 * 1024  # bytes; a browser's has less than 2 KiB


class RestartRefused(Problem):
    status, title = 422, "ICE restarts are not supported"

    def __init__(self) -> None:
        super().__init__(
            "the fragment has another ice-ufrag or ice-pwd than the offer, which asks for an ICE restart; send "
            "candidates with those of the offer, or DELETE this session and POST a new offer"
        )


@dataclass(frozen=True, slots=True)
class Fragment:
    """candidates: whole lines, 'a=candidate:…'; complete: no more will follow; ufrag, pwd: None where it has none."""

    candidates: tuple[str, ...]
    complete: bool
    ufrag: str | None
    pwd: str | None

    def belongs_to(self, ice: IceCredentials) -> bool:
        """Is it of the ICE session that the offer began? A fragment without credentials is."""
        return self.ufrag in (None, ice.ufrag) and self.pwd in (None, ice.pwd)


def read_fragment(text: str) -> Fragment:
    """
    Raises:
        BadRequest: it is not a fragment as RFC 8840 writes it.
    """
    candidates: list[str] = []
    found: dict[str, str] = {}
    complete = False
    for line in filter(None, text.splitlines()):
        kind, equals, rest = line.partition("=")
        name, _, value = rest.partition(":")
        if not equals or kind not in ("a", "m"):
            raise BadRequest(
                f"{line[:80]!r} is no line of an SDP fragment (RFC 8840 section 9): a=ice-ufrag, a=ice-pwd, m=, a=mid, "
                "a=candidate and a=end-of-candidates are expected"
            )
        if kind == "a" and name == "candidate":
            candidates.append(line)
        elif kind == "a" and name == "end-of-candidates":
            complete = True
        elif kind == "a" and name in ("ice-ufrag", "ice-pwd") and found.setdefault(name, value) != value:
            raise BadRequest(f"two different values of {name}; one is expected, since all sections share a transport")
    if not candidates and not complete and not found:
        raise BadRequest("an empty SDP fragment; a=candidate or a=end-of-candidates is expected")
    return Fragment(tuple(candidates), complete, found.get("ice-ufrag"), found.get("ice-pwd"))
