"""A session's two addresses: its own, which gives control, and its viewers', which gives none.

The viewers' address is a hash of the first half of the session's. So who comes back after a drop and tells the
old address gets a new one with the same viewers' address: nothing has to be remembered, not even across a restart
of the server, and a viewer cannot compute the session's address from theirs. Knows no session.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from streamer.errors import BadRequest

RANDOM_BYTES = 16  # 128 bits: not to be guessed
WATCH_ID_CHARS = 22  # 88 bits of the hash at 4 bits a character: not to be hit by chance, and short in a link
FORM = re.compile(r"([\w-]{22})\.[\w-]{22}", re.ASCII)  # two times 16 bytes, as token_urlsafe writes them


@dataclass(frozen=True, slots=True)
class Address:
    """id: of the session, secret to the speaker; watch_id: in the link for viewers."""

    id: str
    watch_id: str


def new_address(previous: str | None = None) -> Address:
    """An address for a session; previous: the id of the one that it continues.

    Raises:
        BadRequest: `previous` has not the form of an id.
    """
    family = secrets.token_urlsafe(RANDOM_BYTES) if previous is None else family_of(previous)
    return Address(f"{family}.{secrets.token_urlsafe(RANDOM_BYTES)}", watch_id_of(family))


def watched_at(session_id: str) -> str | None:
    """The watch id of a session by its id; None if that has not the form of one."""
    match = FORM.fullmatch(session_id)
    return watch_id_of(match[1]) if match else None


def family_of(session_id: str) -> str:
    match = FORM.fullmatch(session_id)
    if match is None:
        raise BadRequest("'previous' must be the id of an earlier session, as the server gave it")
    return match[1]


def watch_id_of(family: str) -> str:
    return hashlib.sha256(family.encode()).hexdigest()[:WATCH_ID_CHARS]
