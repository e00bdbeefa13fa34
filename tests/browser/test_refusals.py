"""What goes wrong, in a real browser: the page says what it is and how to go on."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Route

from scripts.tools.mouth_box import Box
from tests.browser.serving import ServerProcess
from tests.browser.visitor import BrowserUsers, visiting

pytestmark = pytest.mark.browser


def test_a_full_server_says_so_and_lets_the_next_one_in_later(
    visitors: BrowserUsers, small_server: ServerProcess
) -> None:
    first, second = visitors.new(), visitors.new()
    first.join(small_server.url)
    first_url = first.session_url
    second.open(small_server.url)
    second.press("join")
    second.wait_state("failed")
    assert "Server at capacity" in second.text("curtain")
    assert "1 of 1 sessions are running" in second.text("message")
    first.press("leave")
    small_server.wait(lambda: small_server.status(first_url) == 410, "free")
    second.press("again")
    second.wait_state("live")


def test_a_presenter_that_is_no_more_is_named(visitors: BrowserUsers, small_server: ServerProcess) -> None:
    def add_ghost(route: Route) -> None:
        found = small_server.get("/api/avatars")
        ghost = found["avatars"][0] | {"name": "ghost", "title": "Ghost"}
        route.fulfill(json=found | {"avatars": [ghost, *found["avatars"]]})

    visitor = visitors.new()
    visitor.page.route("**/api/avatars", add_ghost)
    visitor.open(small_server.url)
    visitor.press("presenter-ghost")
    visitor.press("join")
    visitor.wait_state("failed")
    assert "ghost" in visitor.text("message")
    visitor.press("back")
    visitor.page.get_by_test_id("join-card").wait_for()


@pytest.fixture
def denied(launch: Callable[[list[str]], Browser], box: Box) -> Iterator[BrowserUsers]:
    """Users who refuse every permission."""
    yield from visiting(
        launch(["--no-sandbox", "--use-fake-device-for-media-stream", "--deny-permission-prompts"]), box
    )


def test_a_blocked_microphone_is_told_with_its_fix(denied: BrowserUsers, small_server: ServerProcess) -> None:
    visitor = denied.new(permissions=[])
    visitor.open(small_server.url)
    visitor.press("join")
    visitor.wait_state("failed")
    assert "The microphone is blocked" in visitor.text("curtain")
    assert "Allow it for this page" in visitor.text("message")


def test_a_server_that_is_away_is_told_and_found_again(visitors: BrowserUsers, small_server: ServerProcess) -> None:
    visitor = visitors.new()
    visitor.open(small_server.url)
    visitor.page.get_by_test_id("join").and_(visitor.page.locator(":enabled")).wait_for()
    small_server.stop()
    visitor.press("join")
    visitor.wait_state("failed")
    assert "The server does not answer" in visitor.text("curtain")
    small_server.start()
    visitor.press("again")
    visitor.wait_state("live")


def test_join_waits_for_a_server_that_is_not_ready(visitors: BrowserUsers, small_server: ServerProcess) -> None:
    problem = {"title": "The server is not ready", "detail": "the engine is still being loaded", "status": 503}
    visitor = visitors.new()
    visitor.page.route(
        "**/readyz",
        lambda route: route.fulfill(status=503, content_type="application/problem+json", body=json.dumps(problem)),
        times=2,
    )
    visitor.open(small_server.url)
    visitor.page.get_by_text("The engine is still being loaded.").wait_for()
    assert visitor.page.get_by_test_id("join").is_disabled()
    visitor.page.get_by_test_id("join").and_(visitor.page.locator(":enabled")).wait_for()
