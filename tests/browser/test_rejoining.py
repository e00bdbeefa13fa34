"""Losses, in a real browser: the page comes back by itself, to the same place and the same viewer link."""

from __future__ import annotations

import pytest

from tests.browser.serving import ServerProcess
from tests.browser.visitor import BrowserUsers

pytestmark = pytest.mark.browser


def test_speaker_and_viewer_come_back_after_the_server_was_restarted(
    visitors: BrowserUsers, small_server: ServerProcess
) -> None:
    speaker, viewer = visitors.new(), visitors.new(permissions=[])
    speaker.join(small_server.url)
    first, link = speaker.session_url, speaker.watch_url
    viewer.open(small_server.url + link)
    viewer.wait_state("live")
    small_server.stop()
    for visitor in (speaker, viewer):
        visitor.wait_state("reconnecting")
        assert visitor.text("state") == "Reconnecting…"
    small_server.start()
    for visitor in (speaker, viewer):
        visitor.wait_state("live")
        visitor.watch()
        visitor.see(0.5)
    assert speaker.session_url != first
    assert speaker.watch_url == link


def test_a_speaker_whom_the_server_has_not_missed_gets_their_own_place_back(
    visitors: BrowserUsers, small_server: ServerProcess
) -> None:
    speaker = visitors.new()
    speaker.join(small_server.url)
    first = speaker.session_url
    speaker.press("mute")
    small_server.freeze()
    try:
        speaker.wait_state("reconnecting")
    finally:
        small_server.thaw()
    speaker.wait_state("live")
    speaker.wait_for("(first) => lipcast.session.url !== first", first)
    assert small_server.status(first) == 410
    assert small_server.get(speaker.session_url)["muted"] is True
    assert speaker.text("state") == "Live, muted"
