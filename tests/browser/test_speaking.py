"""Speaking through a presenter, in a real browser: join, picture, sound, mouth, mute, interruption, keys, leaving."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from playwright.sync_api import Browser

from benchmarks.measuring.mouth import openness
from engines.face.avatar import FaceAvatar
from scripts.tools.mouth_box import Box
from tests.browser.serving import ServerProcess
from tests.browser.visitor import PAUSE_S, VOICE_S, BrowserUsers, Seen, Visitor, visiting

pytestmark = pytest.mark.browser

PERIOD_S = VOICE_S + PAUSE_S
TRIES = 5


@dataclass(frozen=True, slots=True)
class Call:
    """A call that all tests of this file share; each leaves it live and unmuted. seen: before anything was pressed."""

    visitor: Visitor
    seen: Seen

    @property
    def half_open(self) -> float:
        """Between the shut mouth and one that speaks."""
        speaking, silent = self.seen.openness_while(loud=True), self.seen.openness_while(loud=False)
        return float(np.percentile(speaking, 75) + silent.max()) / 2


@pytest.fixture(scope="module")
def call(chromium: Browser, box: Box, server: ServerProcess) -> Iterator[Call]:
    for visitors in visiting(chromium, box):
        visitor = visitors.new()
        visitor.prefer(codec="video/VP8")
        visitor.join(server.url)
        visitor.watch()
        yield Call(visitor, visitor.see(1.6 * PERIOD_S))


def test_joining_leads_from_idle_to_live(call: Call) -> None:
    states = call.visitor.page.evaluate("() => observer.states")
    assert states in (["idle", "connecting", "live"], ["idle", "requesting-mic", "connecting", "live"])
    assert call.visitor.text("state") == "Live"
    assert call.visitor.page.get_by_test_id("badge").is_visible()


def test_pictures_of_512_pixels_come_25_times_a_second(call: Call) -> None:
    video = call.visitor.page.get_by_test_id("video")
    assert video.evaluate("(video) => [video.videoWidth, video.videoHeight]") == [512, 512]
    rates = [call.seen.frame_rate]
    while not 22 <= rates[-1] <= 28 and len(rates) < TRIES:  # something else may have kept the machine busy
        rates.append(call.visitor.see(3).frame_rate)
    assert 22 <= rates[-1] <= 28, rates


def test_the_voice_is_heard_and_its_pauses_are_silent(call: Call) -> None:
    loud = call.seen.loud
    assert call.seen.loudness[loud].max() > 0.03  # −30 dB; the microphone's voice has −17 dB
    assert 0.3 < loud.mean() < 0.8
    assert call.seen.loudness[~loud].max() < 0.003


def test_the_mouth_opens_with_the_voice_and_closes_in_its_pauses(call: Call) -> None:
    speaking, silent = call.seen.openness_while(loud=True), call.seen.openness_while(loud=False)
    assert np.percentile(speaking, 75) > silent.max() + 0.01


def test_a_closed_mouth_is_that_of_the_idle_loop(call: Call, presenter: FaceAvatar) -> None:
    idle = [openness(image, call.visitor.box) for image in presenter.loop]
    silent = call.seen.openness_while(loud=False)
    assert min(idle) - 0.02 < silent.min()
    assert silent.max() < max(idle) + 0.02


def test_muting_silences_and_closes_the_mouth_until_it_is_undone(call: Call) -> None:
    visitor = call.visitor
    visitor.page.keyboard.press("m")
    visitor.page.get_by_text("Live, muted").wait_for()
    visitor.see(0.5)  # what was under way
    muted = visitor.see(PERIOD_S)
    assert not muted.loud.any()
    assert muted.openness.max() < call.half_open
    visitor.press("mute")
    visitor.wait_for("() => observer.samples.at(-1)[2] > 0.03")
    visitor.wait_for("(half) => observer.samples.at(-1)[1] > half", call.half_open)
    assert visitor.text("state") == "Live"


def test_an_interruption_silences_the_voice_until_its_next_pause(call: Call) -> None:
    visitor = call.visitor
    quiet_then_loud = """() => {
        const before = observer.samples.slice(-6, -1);
        return before.length === 5 && before.every((s) => s[2] < 0.003) && observer.samples.at(-1)[2] > 0.003;
    }"""
    visitor.see(0.2)
    visitor.wait_for(quiet_then_loud)
    began = float(visitor.page.evaluate("() => observer.samples.at(-1)[0]"))
    visitor.press("interrupt")
    visitor.page.get_by_text("Stopped. Pause for a moment").wait_for()
    visitor.wait_for(quiet_then_loud)  # the next voice is heard
    seen = visitor.seen()
    this_voice = seen.times < began + VOICE_S + PAUSE_S / 2
    assert seen.times[this_voice & seen.loud].max() - began < 0.7 * VOICE_S


def test_keys_show_and_hide_the_figures(call: Call) -> None:
    visitor = call.visitor
    visitor.page.keyboard.press("i")
    for name, told in {
        "fps": r"\d+\.\d fps",
        "size": "512 × 512 VP8",
        "rtt": r"\d ms",
        "mic-to-lips": r"\d+ ms",
    }.items():
        visitor.page.get_by_test_id(f"stat-{name}").filter(has_text=re.compile(told)).wait_for()
    visitor.page.keyboard.press("Escape")
    visitor.page.get_by_test_id("stats").wait_for(state="hidden")


def test_the_sound_can_be_turned_off_and_on_here_alone(call: Call) -> None:
    visitor = call.visitor
    for is_silent in (True, False):
        visitor.press("silence")
        assert visitor.page.get_by_test_id("video").evaluate("(video) => video.muted") is is_silent


def test_a_key_fills_the_screen(call: Call) -> None:
    visitor = call.visitor
    visitor.page.keyboard.press("f")
    visitor.wait_for("() => document.fullscreenElement !== null")
    visitor.page.keyboard.press("f")
    visitor.wait_for("() => document.fullscreenElement === null")


def test_the_viewer_link_can_be_copied(call: Call) -> None:
    visitor = call.visitor
    visitor.context.grant_permissions(["clipboard-read", "clipboard-write", "microphone"])
    visitor.page.keyboard.press("c")
    visitor.page.get_by_text("Viewer link copied").wait_for()
    assert visitor.page.evaluate("() => navigator.clipboard.readText()").endswith(visitor.watch_url)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
def test_the_chosen_codec_is_the_one_that_comes(visitors: BrowserUsers, server: ServerProcess, codec: str) -> None:
    visitor = visitors.new()
    visitor.prefer()
    visitor.open(server.url)
    visitor.page.get_by_text("More options").click()
    visitor.page.get_by_test_id("codec").select_option(f"video/{codec}")
    visitor.press("join")
    visitor.wait_for("() => lipcast.videoElement.videoWidth === 512")
    visitor.wait_for("(codec) => lipcast.figures?.codec === codec", codec)


def test_leaving_ends_the_session_and_leads_back_to_the_choices(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitors.new()
    visitor.join(server.url)
    session_url = visitor.session_url
    assert server.status(session_url) == 200
    visitor.page.keyboard.press("Shift+L")
    visitor.wait_state("ended")
    server.wait(lambda: server.status(session_url) == 410, "ended")
    visitor.press("back")
    visitor.wait_state("idle")
    visitor.page.get_by_test_id("join").wait_for()


def test_closing_the_page_ends_the_session(visitors: BrowserUsers, server: ServerProcess) -> None:
    visitor = visitors.new()
    visitor.join(server.url)
    session_url = visitor.session_url
    visitor.open("about:blank")
    server.wait(lambda: server.status(session_url) == 410, "ended")
