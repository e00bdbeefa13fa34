"""How the page looks, in a real browser: on a phone and in the dark, nothing sticks out and everything can be read."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.serving import ServerProcess
from tests.browser.visitor import BrowserUsers, Visitor

pytestmark = pytest.mark.browser

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
LAPTOP: dict[str, Any] = {"viewport": {"width": 1280, "height": 800}}
SIZES = pytest.mark.parametrize("size", [PHONE, LAPTOP], ids=["phone", "laptop"])
LUMINANCE = """(selector) => {
    const linear = (v) => (v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    const context = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const rgba = (colour) => {
        context.clearRect(0, 0, 1, 1);
        context.fillStyle = colour;
        context.fillRect(0, 0, 1, 1);
        return context.getImageData(0, 0, 1, 1).data;
    };
    const of = (colour) => {
        const [r, g, b] = [...rgba(colour)].map((v) => linear(v / 255));
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const ground = (element) => {
        const { backgroundColor } = getComputedStyle(element);
        return rgba(backgroundColor)[3] === 255 ? backgroundColor : ground(element.parentElement);
    };
    const element = document.querySelector(selector);
    return [of(ground(element)), of(getComputedStyle(element).color)];
}"""


def sticks_out(visitor: Visitor) -> list[str]:
    """What is wider than the window, by the element's tag and id."""
    found: list[str] = visitor.page.evaluate(
        """() => document.documentElement.scrollWidth <= innerWidth ? [] :
             [...document.body.querySelectorAll("*")]
               .filter((element) => element.getBoundingClientRect().right > innerWidth + 1)
               .map((element) => `${element.tagName}#${element.id}`)"""
    )
    return found


def contrast(visitor: Visitor, selector: str) -> float:
    """Of a text against what it lies on, as WCAG 2 counts it: 1 to 21."""
    low, high = sorted(visitor.page.evaluate(LUMINANCE, selector))
    return float((high + 0.05) / (low + 0.05))


@SIZES
def test_nothing_sticks_out_from_the_choices_to_the_figures(
    visitors: BrowserUsers, server: ServerProcess, size: dict[str, Any]
) -> None:
    visitor = visitors.new(**size)
    visitor.open(server.url)
    visitor.page.get_by_text("More options").click()
    assert sticks_out(visitor) == []
    visitor.press("join")
    visitor.wait_state("live")
    assert sticks_out(visitor) == []
    visitor.press("stats-toggle")
    visitor.page.get_by_test_id("stats").wait_for()
    assert sticks_out(visitor) == []


@SIZES
def test_join_is_in_sight_from_the_start(visitors: BrowserUsers, server: ServerProcess, size: dict[str, Any]) -> None:
    visitor = visitors.new(**size)
    visitor.open(server.url)
    visitor.page.get_by_test_id("presenters").locator("img").first.wait_for()
    box = visitor.page.get_by_test_id("join").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= size["viewport"]["height"]


@SIZES
def test_the_picture_and_every_control_are_within_the_window(
    visitors: BrowserUsers, server: ServerProcess, size: dict[str, Any]
) -> None:
    visitor = visitors.new(**size)
    visitor.join(server.url)
    for name in ("video", "mute", "interrupt", "fullscreen", "share", "leave", "badge"):
        box = visitor.page.get_by_test_id(name).bounding_box()
        assert box is not None, name
        assert box["x"] >= 0, name
        assert box["x"] + box["width"] <= size["viewport"]["width"], name
        assert box["y"] + box["height"] <= size["viewport"]["height"], name


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_follows_the_system_and_its_text_can_be_read(
    visitors: BrowserUsers, server: ServerProcess, scheme: str
) -> None:
    visitor = visitors.new(color_scheme=scheme)
    visitor.open(server.url)
    page, _ = visitor.page.evaluate(LUMINANCE, "body")
    assert (page > 0.5) is (scheme == "light")
    card, _ = visitor.page.evaluate(LUMINANCE, "#join-title")
    assert card != page
    for selector in ("#join-title", ".join-head .soft", ".foot .soft", "#level-text", "#pill-text"):
        assert contrast(visitor, selector) >= 4.5, selector


def test_the_theme_can_be_chosen_and_is_remembered(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitors.new(color_scheme="light")
    visitor.open(server.url)
    visitor.press("theme")
    visitor.open(server.url)
    visitor.page.wait_for_selector("html[data-theme=dark]")
