"""A visitor: one page of a real browser, what it shows and sounds like, and everything it complains about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

from scripts.tools.mouth_box import Box

VOICE_S, PAUSE_S = 1.4, 1.1  # what every visitor's microphone hears, over and over
OBSERVER = Path(__file__).with_name("observer.js")
PATIENCE_MS = 60_000  # a busy machine may take long; nothing here measures how long
FULL_SCALE_QUIET = 0.003  # root mean square: −50 dB, far below the voice and above what a codec makes of silence


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """One entry a picture shown. times: seconds of the picture's own clock; openness: 0 to 1; loudness: root mean
    square; presented: pictures that the browser has put on screen so far; clock_ms: of the machine."""

    times: NDArray[np.float64]
    openness: NDArray[np.float64]
    loudness: NDArray[np.float64]
    presented: NDArray[np.float64]
    clock_ms: NDArray[np.float64]

    @property
    def loud(self) -> NDArray[np.bool_]:
        return self.loudness > FULL_SCALE_QUIET

    @property
    def frame_rate(self) -> float:
        return float((self.presented[-1] - self.presented[0]) / (self.clock_ms[-1] - self.clock_ms[0]) * 1000)

    def openness_while(self, loud: bool, around: int = 8) -> NDArray[np.float64]:
        """Of the pictures in the midst of voice, or of silence: `around` pictures before and after are alike."""
        alike = np.convolve(self.loud == loud, np.ones(2 * around + 1), "valid") > 2 * around
        return self.openness[around:-around][alike]


@dataclass(slots=True, eq=False)
class Visitor:
    context: BrowserContext
    page: Page
    box: Box
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        """Note whatever the browser reports as an error: exceptions, missing files, breaches of the policy."""
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("console", lambda message: self._hear(message))
        self.page.add_init_script(path=OBSERVER)
        self.page.set_default_timeout(PATIENCE_MS)

    def _hear(self, message: ConsoleMessage) -> None:
        refused = message.text.startswith("Failed to load resource") and "/api/" in message.location["url"]
        away = "/readyz" in message.location["url"] or "ERR_CONNECTION_REFUSED" in message.text
        if message.type in ("error", "warning") and not refused and not away:
            self.complaints.append(f"{message.text} ({message.location['url']})")

    def open(self, url: str) -> None:
        self.page.goto(url)

    def prefer(self, **choices: Any) -> None:
        """The choices of earlier visits. Studio audio: a browser's noise suppression takes the test voice for a hum."""
        stored = json.dumps({"studio": True} | choices)
        self.page.add_init_script(f"localStorage.getItem('lipcast') ?? localStorage.setItem('lipcast', '{stored}')")

    def press(self, name: str) -> None:
        self.page.get_by_test_id(name).click()

    def text(self, name: str) -> str:
        return self.page.get_by_test_id(name).inner_text()

    def join(self, url: str) -> None:
        """Open the page, press Join, and wait for the call."""
        self.open(url)
        self.press("join")  # waits until it is enabled
        self.wait_state("live")

    def wait_state(self, state: str) -> None:
        self.page.wait_for_selector(f"html[data-state={state}]")

    def wait_for(self, expression: str, argument: Any = None) -> None:
        self.page.wait_for_function(expression, arg=argument)

    def watch(self) -> None:
        self.page.evaluate("(box) => observer.watch(box)", asdict(self.box))

    def see(self, seconds: float) -> Seen:
        """What is shown from now on, for so long by the picture's own clock."""
        self.page.evaluate("() => { observer.samples = []; }")
        self.wait_for("(seconds) => observer.seconds() >= seconds", seconds)
        return self.seen()

    def seen(self) -> Seen:
        return Seen(*np.asarray(self.page.evaluate("() => observer.samples"), np.float64).T)

    @property
    def session_url(self) -> str:
        return str(self.page.evaluate("() => lipcast.session.url"))

    @property
    def watch_url(self) -> str:
        return str(self.page.evaluate("() => lipcast.session.watch_url"))


@dataclass(slots=True)
class BrowserUsers:
    """Opens pages, each with a memory of its own, and closes them all."""

    browser: Browser
    box: Box
    all: list[Visitor] = field(default_factory=list)

    def new(self, **options: Any) -> Visitor:
        """options: of the browser's context, as Playwright names them."""
        context = self.browser.new_context(**({"permissions": ["microphone"]} | options))
        visitor = Visitor(context, context.new_page(), self.box)
        visitor.listen()
        self.all.append(visitor)
        return visitor

    def close(self) -> None:
        complaints = [complaint for visitor in self.all for complaint in visitor.complaints]
        for visitor in self.all:
            visitor.context.close()
        self.all.clear()
        assert complaints == []


def visiting(chromium: Browser, box: Box) -> Iterator[BrowserUsers]:
    """Their pages are closed afterwards; a page that has complained of anything fails the test."""
    visitors = BrowserUsers(chromium, box)
    yield visitors
    visitors.close()
