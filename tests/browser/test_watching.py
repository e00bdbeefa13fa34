"""Watching a session by its link, in a real browser: the same picture and sound, and word of its end."""

from __future__ import annotations

import numpy as np
import pytest

from tests.browser.serving import ServerProcess
from tests.browser.visitor import PAUSE_S, VOICE_S, BrowserUsers, Seen, Visitor

pytestmark = pytest.mark.browser

STEP_S = 0.02  # of the common time axis
LONGEST_LAG = 50  # steps that one page may be behind the other: a busy machine holds a page's sound up
SMOOTHED = 15  # steps; what is left is voice and pause, whose times no busy machine changes


@pytest.fixture
def speaker(visitors: BrowserUsers, server: ServerProcess) -> Visitor:
    """Speaks, and gets H.264."""
    speaker = visitors.new()
    speaker.prefer(codec="video/H264")
    speaker.join(server.url)
    return speaker


def test_a_viewer_sees_and_hears_what_the_speaker_does(
    speaker: Visitor, visitors: BrowserUsers, server: ServerProcess
) -> None:
    viewer = visitors.new(permissions=[])
    viewer.prefer(codec="video/VP8")
    viewer.open(server.url + speaker.watch_url)
    viewer.wait_state("live")
    speaker.watch()
    viewer.watch()
    there = viewer.see(2 * (VOICE_S + PAUSE_S))
    here = speaker.seen()
    assert likeness(here, there, "openness") > 0.8
    assert likeness(here, there, "loudness") > 0.8
    codecs = [page.evaluate("() => lipcast.figures.codec") for page in (speaker.page, viewer.page)]
    assert codecs == ["H264", "VP8"]


def test_a_viewer_comes_without_a_microphone_and_cannot_steer(
    speaker: Visitor, visitors: BrowserUsers, server: ServerProcess
) -> None:
    viewer = visitors.new(permissions=[])
    viewer.open(server.url + speaker.watch_url)
    viewer.page.get_by_text("Watching live").wait_for()
    viewer.wait_for("() => lipcast.videoElement.videoWidth === 512")
    assert not any(viewer.page.get_by_test_id(name).is_visible() for name in ("mute", "interrupt", "share", "join"))
    speaker.press("stats-toggle")  # asks the server every second
    speaker.page.get_by_text("Live, 1 watching").wait_for()


def test_viewers_are_told_at_once_when_the_speaker_has_left(
    speaker: Visitor, visitors: BrowserUsers, server: ServerProcess
) -> None:
    viewer = visitors.new(permissions=[])
    viewer.open(server.url + speaker.watch_url)
    viewer.wait_state("live")
    speaker.press("leave")
    viewer.wait_state("ended")
    assert "This session is over" in viewer.text("curtain")


def test_a_link_that_leads_nowhere_says_so(visitors: BrowserUsers, server: ServerProcess) -> None:
    viewer = visitors.new(permissions=[])
    viewer.open(f"{server.url}/watch/nobody")
    viewer.wait_state("ended")
    assert "This session is over" in viewer.text("curtain")


def likeness(one: Seen, other: Seen, what: str) -> float:
    """The correlation of two traces over the time that they share, at the lag where it is highest."""
    start, end = max(one.clock_ms[0], other.clock_ms[0]) / 1000, min(one.clock_ms[-1], other.clock_ms[-1]) / 1000
    times = np.arange(start, end, STEP_S)
    traces = [np.interp(times, seen.clock_ms / 1000, getattr(seen, what)) for seen in (one, other)]
    here, there = (np.convolve(trace, np.ones(SMOOTHED) / SMOOTHED, "valid") for trace in traces)
    fixed = here[LONGEST_LAG:-LONGEST_LAG]
    return max(float(np.corrcoef(fixed, there[lag : lag + len(fixed)])[0, 1]) for lag in range(2 * LONGEST_LAG))
