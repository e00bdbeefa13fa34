"""Makes an address for a WHIP publisher such as OBS, and the link for its viewers, which stays the same.

`python -m scripts.examples.whip_address --avatar helen --server https://example.org`. Nothing is asked of the server.
Whoever has the publisher's address can take its session over: keep it like a stream key.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from urllib.parse import urlencode

from streamer.server.session_ids import new_address


@dataclass(frozen=True, slots=True)
class PublisherAddress:
    """publish: for the publisher, secret. watch: the page for viewers; player: for WHEP players."""

    publish: str
    watch: str
    player: str


def new_publisher(server: str, avatar: str) -> PublisherAddress:
    """server: its address, such as "https://example.org". The session is one that continues a session of this id."""
    address, base = new_address(), server.rstrip("/")
    query = urlencode({"avatar": avatar, "previous": address.id})
    return PublisherAddress(
        f"{base}/api/whip?{query}",
        f"{base}/watch/{address.watch_id}",
        f"{base}/api/watch/{address.watch_id}/whep",
    )


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, description="An address for a WHIP publisher, and the link for its viewers."
    )
    parser.add_argument("--avatar", required=True, metavar="NAME", help="see `lipcast avatar list`")
    parser.add_argument("--server", default="http://127.0.0.1:8080", metavar="URL", help="default: this machine's")
    options = parser.parse_args(arguments)
    made = new_publisher(options.server, options.avatar)
    print(f"publish (secret): {made.publish}\nwatch:            {made.watch}\nWHEP players:     {made.player}")


if __name__ == "__main__":
    main()
