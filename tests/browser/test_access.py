"""The page by keyboard, by voice and by screen reader, in a real browser: keys, focus and names."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.serving import ServerProcess
from tests.browser.visitor import BrowserUsers

pytestmark = pytest.mark.browser


def switch_shortcuts(page: Page) -> None:
    page.get_by_text("Keyboard shortcuts").click()


def test_shortcuts_can_be_switched_off_and_stay_so(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitors.new()
    visitor.open(server.url)
    visitor.page.get_by_text("More options").click()
    switch_shortcuts(visitor.page)
    visitor.join(server.url)
    visitor.page.keyboard.press("m")
    visitor.press("mute")  # once is muted, twice is not
    visitor.page.get_by_text("Live, muted").wait_for()
    assert visitor.page.locator("[aria-keyshortcuts]").count() == 0
    assert not visitor.page.locator(".keys").is_visible()
    visitor.page.keyboard.press("Escape")
    visitor.page.get_by_text("Live, muted").wait_for()
    visitor.press("leave")
    visitor.wait_state("ended")


def test_a_viewer_can_switch_them_off_too(visitors: BrowserUsers, server: ServerProcess) -> None:
    viewer = visitors.new(permissions=[])
    viewer.open(f"{server.url}/watch/nobody")
    shortcuts = viewer.page.get_by_role("switch", name="Keyboard shortcuts")
    assert shortcuts.is_checked()
    switch_shortcuts(viewer.page)
    assert not shortcuts.is_checked()
    viewer.wait_state("ended")


def test_one_letter_does_not_leave(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitors.new()
    visitor.join(server.url)
    visitor.page.keyboard.press("l")
    visitor.page.keyboard.press("m")
    visitor.page.get_by_text("Live, muted").wait_for()
    visitor.page.keyboard.press("Shift+L")
    visitor.wait_state("ended")


def test_the_focus_follows_back_to_the_choices(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitors.new()
    visitor.join(server.url)
    visitor.press("leave")
    visitor.page.wait_for_selector("#again:focus")
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Enter")
    visitor.wait_state("idle")
    visitor.page.wait_for_selector("#join-card:focus")


def test_what_is_seen_is_what_a_screen_reader_says(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitors.new()
    visitor.join(server.url)
    for name in ("Mute", "Unmute"):
        button = visitor.page.get_by_role("button", name=name, exact=True)
        assert button.locator("#mute-text").inner_text() == name
        button.click()
    assert visitor.page.get_by_label("The presenter", exact=True).evaluate("(named) => named.id") == "picture"
