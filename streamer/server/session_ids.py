"""A session's two addresses: its own, which gives control, and its viewers', which gives none.

The viewers' address is a hash of the first half of the session's. So who comes back after a drop and tells the
old address gets a new one with the same viewers' address: nothing has to be remembered, not even across a restart
of the server, and a viewer cannot compute the session's address from theirs. Where several processes serve, both begin
with the name of the one that has the session: `worker.family.secret` and `worker.hash`. Knows no session.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from dataclasses import dataclass

from streamer.errors import BadRequest

RANDOM_BYTES = 16  # 128 bits: not to be guessed
WATCH_ID_CHARS = 22  # 88 bits of the hash at 4 bits a character: not to be hit by chance, and short in a link
# A worker's name, if there are several, and two times 16 bytes as token_urlsafe writes them.
FORM = re.compile(r"(?:(?P<worker>[a-z0-9]{1,16})\.)?(?P<family>[\w-]{22})\.[\w-]{22}", re.ASCII)
WATCH_FORM = re.compile(r"(?:(?P<worker>[a-z0-9]{1,16})\.)?[0-9a-f]{22}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Address:
    """id: of the session, secret to the speaker; watch_id: in the link for viewers."""

    id: str
    watch_id: str


def new_address(previous: str | None = None, worker: str = "") -> Address:
    """An address for a session; previous: the id of the one that it continues; worker: the process that has it.

    Raises:
        BadRequest: `previous` has not the form of an id.
    """
    family = secrets.token_urlsafe(RANDOM_BYTES) if previous is None else family_of(previous)
    prefix = f"{worker}." if worker else ""
    return Address(f"{prefix}{family}.{secrets.token_urlsafe(RANDOM_BYTES)}", prefix + watch_id_of(family))


def watched_at(session_id: str) -> str | None:
    """The watch id of a session by its id; None if that has not the form of one."""
    match = FORM.fullmatch(session_id)
    return (f"{match['worker']}." if match["worker"] else "") + watch_id_of(match["family"]) if match else None


def family_of(session_id: str) -> str:
    match = FORM.fullmatch(session_id)
    if match is None:
        raise BadRequest("'previous' must be the id of an earlier session, as the server gave it")
    return match["family"]


def worker_of(address: str) -> str | None:
    """The worker that an id or a watch id names, "" where there is only one; None if it has the form of neither."""
    match = FORM.fullmatch(address) or WATCH_FORM.fullmatch(address)
    return (match["worker"] or "") if match else None


def watch_id_of(family: str) -> str:
    return hashlib.sha256(family.encode()).hexdigest()[:WATCH_ID_CHARS]
