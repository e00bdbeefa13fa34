"""A real browser that answers late: a microphone that is no longer wanted when it comes is closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.serving import ServerProcess
from tests.browser.visitor import BrowserUsers, Visitor

pytestmark = pytest.mark.browser

SLOW_BROWSER = Path(__file__).with_name("slow_browser.js")


def visitor_of(visitors: BrowserUsers, held: str | None = None) -> Visitor:
    """held: "microphone" or "permission", answered late from the start."""
    visitor = visitors.new()
    start = f"slow.held = '{held}';" if held else ""
    visitor.page.add_init_script(SLOW_BROWSER.read_text(encoding="utf-8") + start)
    return visitor


def hold_microphones(visitor: Visitor) -> None:
    visitor.page.evaluate("() => { slow.held = 'microphone'; }")


def let_go(visitor: Visitor) -> None:
    visitor.page.evaluate("() => slow.letGo()")


def test_the_card_gives_back_a_microphone_that_comes_after_join(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitor_of(visitors, held="microphone")
    visitor.open(server.url)
    visitor.wait_for("() => slow.waiting.length === 1")
    visitor.page.evaluate("() => { slow.held = null; }")
    visitor.press("join")
    visitor.wait_state("live")
    let_go(visitor)
    visitor.wait_for("() => slow.streams.length === 2 && slow.live === 1")
    visitor.press("leave")
    visitor.wait_state("ended")
    assert visitor.page.evaluate("() => slow.live") == 0


def test_the_card_asks_for_no_microphone_after_join(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitor_of(visitors, held="permission")
    visitor.open(server.url)
    visitor.wait_for("() => slow.waiting.length === 1")
    visitor.press("join")
    visitor.wait_state("live")
    let_go(visitor)
    assert visitor.page.evaluate("() => slow.asked") == 1


def test_of_two_microphones_chosen_quickly_the_last_stays_open(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitor_of(visitors)
    visitor.open(server.url)
    visitor.page.wait_for_selector("#level.on")
    hold_microphones(visitor)
    for index in (1, 0):
        visitor.page.get_by_test_id("microphone").select_option(index=index)
    visitor.wait_for("() => slow.streams.length === 3 && slow.waiting.length === 2")
    let_go(visitor)
    visitor.wait_for("() => slow.live === 1 && slow.streams[2].active")


def test_a_microphone_that_replaces_an_unplugged_one_is_closed_after_leaving(
    visitors: BrowserUsers, server: ServerProcess
) -> None:
    visitor = visitor_of(visitors)
    visitor.join(server.url)
    hold_microphones(visitor)
    visitor.page.evaluate("() => lipcast.pc.getSenders()[0].track.dispatchEvent(new Event('ended'))")
    visitor.wait_for("() => slow.waiting.length === 1")
    visitor.press("leave")
    visitor.wait_state("ended")
    let_go(visitor)
    visitor.wait_for("() => slow.live === 0")
