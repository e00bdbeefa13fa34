"""WHIP and WHEP from Chromium: a page publishes its microphone, another one watches, as pages of others would."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engines.face.avatar import FaceAvatar
from tests.browser.serving import ServerProcess
from tests.browser.visitor import FULL_SCALE_QUIET, BrowserUsers, Visitor

pytestmark = pytest.mark.browser

ENDS = Path(__file__).with_name("whip_whep.js")
WHEP_LINK = re.compile(r'<([^>]+)>; rel="urn:lipcast:whep"')


def one_end(visitors: BrowserUsers, server: ServerProcess, **options: object) -> Visitor:
    visitor = visitors.new(**options)
    visitor.page.add_init_script(path=ENDS)
    visitor.open(server.url)
    return visitor


def test_a_page_publishes_and_another_watches(
    visitors: BrowserUsers, server: ServerProcess, presenter: FaceAvatar
) -> None:
    publisher = one_end(visitors, server)
    name = presenter.name
    assert publisher.page.evaluate("(url) => ends.publish(url)", f"/api/whip?avatar={name}") == 204
    publisher.wait_for("() => ends.state === 'connected'")
    link = WHEP_LINK.search(publisher.page.evaluate("() => ends.links"))
    assert link is not None

    player = one_end(visitors, server, permissions=[])
    assert player.page.evaluate("(url) => ends.watch(url)", link[1]) == 204
    player.wait_for("(width) => ends.video.videoWidth === width", presenter.width)
    player.wait_for("(quiet) => observer.loudness(ends.video) > quiet", 10 * FULL_SCALE_QUIET)
    assert player.page.evaluate("() => ends.streams.size") == 1

    assert publisher.page.evaluate("() => ends.leave()") == 200
    player.wait_for("() => ['failed', 'closed', 'disconnected'].includes(ends.state)")


def test_a_page_that_publishes_for_a_presenter_that_is_not_there_is_told(
    visitors: BrowserUsers, server: ServerProcess
) -> None:
    publisher = one_end(visitors, server)
    refused = publisher.page.evaluate("() => ends.publish('/api/whip?avatar=nobody').catch((error) => error.message)")
    assert refused.startswith("404")
    assert "nobody" in refused
