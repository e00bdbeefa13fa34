"""Fixtures of the browser tests: a presenter, a microphone with a voice in it, the server, Chromium and its visitors."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from benchmarks.measuring.browser import CHROMIUM, FLAGS
from benchmarks.measuring.mouth import Box, mouth_box
from engines.face.avatar import FaceAvatar, load_avatar
from engines.loader import SHIPPED
from tests.browser import drawn_presenter
from tests.browser.serving import ServerProcess
from tests.browser.visitor import Visitor
from tests.sounds import RATE, silence, voice

VOICE_S, PAUSE_S = 1.4, 1.4  # the microphone's sound, over and over


@pytest.fixture(scope="session")
def presenters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of presenters: those that ship, or one drawn by code."""
    if any(SHIPPED.glob("*/avatar.json")):
        return SHIPPED
    return drawn_presenter.save(tmp_path_factory.mktemp("presenters"))


@pytest.fixture(scope="session")
def presenter(presenters: Path) -> FaceAvatar:
    """The one that is offered first."""
    return load_avatar(min(path.parent for path in presenters.glob("*/avatar.json")))


@pytest.fixture(scope="session")
def microphone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("microphone") / "voice.wav"
    sound = np.concatenate([silence(PAUSE_S / 2), voice(VOICE_S), silence(PAUSE_S / 2)])
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes((sound * 32767).astype(np.int16).tobytes())
    return path


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, presenters: Path) -> Iterator[ServerProcess]:
    yield from running(ServerProcess(tmp_path_factory.mktemp("server"), presenters, max_sessions=4))


@pytest.fixture(scope="module")
def small_server(tmp_path_factory: pytest.TempPathFactory, presenters: Path) -> Iterator[ServerProcess]:
    """Has one place only. Tests may stop and freeze it, and leave it running."""
    yield from running(ServerProcess(tmp_path_factory.mktemp("small"), presenters, max_sessions=1))


def running(server: ServerProcess) -> Iterator[ServerProcess]:
    try:
        server.start()
        yield server
    finally:
        server.stop()
    assert "Traceback" not in server.log()


# Not for the whole run: as long as Playwright is started, its event loop keeps others from running in this thread.
@pytest.fixture(scope="module")
def chromium(microphone: Path) -> Iterator[Browser]:
    path = next((path for path in CHROMIUM if Path(path).exists()), None)
    if path is None:
        pytest.skip(f"needs Chromium (Debian's package `chromium`); looked for {', '.join(CHROMIUM)}")
    with sync_playwright() as playwright:
        arguments = [*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"]
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@dataclass(slots=True)
class Visitors:
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


@pytest.fixture(scope="module")
def open_visitors(chromium: Browser, presenter: FaceAvatar) -> Callable[[], Visitors]:
    box = mouth_box(presenter)
    return lambda: Visitors(chromium, box)


@pytest.fixture
def visitors(open_visitors: Callable[[], Visitors]) -> Iterator[Visitors]:
    """Their pages are closed after the test; a page that has complained of anything fails it."""
    visitors = open_visitors()
    yield visitors
    visitors.close()
