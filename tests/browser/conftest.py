"""Fixtures of the browser tests: a presenter, a microphone with a voice in it, the server, Chromium and visitors."""

from __future__ import annotations

import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, sync_playwright

from engines.face.avatar import FaceAvatar, load_avatar
from engines.loader import SHIPPED
from scripts.tools.chromium import CHROMIUM, FLAGS
from scripts.tools.mouth_box import Box, mouth_box
from tests.browser import drawn_presenter
from tests.browser.serving import ServerProcess
from tests.browser.visitor import PAUSE_S, VOICE_S, BrowserUsers, visiting
from tests.sounds import RATE, silence, voice


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
def launch() -> Iterator[Callable[[list[str]], Browser]]:
    """Starts Chromium with further arguments; it is closed after the file's last test."""
    path = next((path for path in CHROMIUM if Path(path).exists()), None)
    if path is None:
        pytest.skip(f"needs Chromium (Debian's package `chromium`); looked for {', '.join(CHROMIUM)}")
    with sync_playwright() as playwright, ExitStack() as browsers:
        started = partial(playwright.chromium.launch, executable_path=path)
        yield lambda arguments: browsers.enter_context(started(args=arguments))


@pytest.fixture(scope="module")
def chromium(launch: Callable[[list[str]], Browser], microphone: Path) -> Browser:
    """Gives every page its microphone without asking."""
    return launch([*FLAGS, f"--use-file-for-fake-audio-capture={microphone}"])


@pytest.fixture(scope="session")
def box(presenter: FaceAvatar) -> Box:
    return mouth_box(presenter)


@pytest.fixture
def visitors(chromium: Browser, box: Box) -> Iterator[BrowserUsers]:
    yield from visiting(chromium, box)
