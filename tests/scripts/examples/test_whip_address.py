"""Addresses for publishers: the link for viewers is the one that the session gets."""

from __future__ import annotations

import pytest

from scripts.examples.whip_address import main, new_publisher
from streamer.server.session_ids import new_address


def test_the_session_of_the_address_is_watched_at_the_link() -> None:
    made = new_publisher("https://example.org/", "helen")
    base, _, previous = made.publish.partition("?avatar=helen&previous=")
    assert base == "https://example.org/api/whip"
    assert made.watch == f"https://example.org/watch/{new_address(previous).watch_id}"
    assert made.player == made.watch.replace("/watch/", "/api/watch/") + "/whep"


def test_each_address_is_another_one(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--avatar", "helen"])
    main(["--avatar", "helen"])
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == len(set(shown)) == 6
    assert "http://127.0.0.1:8080/watch/" in shown[1]
