"""An agent's audio is spoken by a presenter of a real server, and what fails is said."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import wave
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from engines.loader import SHIPPED
from scripts.examples.agent import RATE, sound_of
from tests.browser.serving import ServerProcess
from tests.sounds import silence, tone, voice

SPOKEN_S = 2.0


@pytest.fixture
def spoken(tmp_path: Path) -> Path:
    path = tmp_path / "speech.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        sound = np.concatenate([voice(SPOKEN_S, rate=RATE), silence(0.5, rate=RATE)])
        file.writeframes((sound * 32767).astype(np.int16).tobytes())
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    server = ServerProcess(tmp_path_factory.mktemp("server"), SHIPPED, max_sessions=1)
    server.start()
    yield server
    server.stop()


def test_a_file_of_any_rate_becomes_mono(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    sound = tone(1.0, hz=440, rate=16_000)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes((np.repeat(sound, 2) * 32767).astype(np.int16).tobytes())
    samples = np.frombuffer(b"".join(sound_of(str(path))), np.int16)
    assert len(samples) == pytest.approx(RATE, abs=50)
    spectrum = np.abs(np.fft.rfft(samples[: RATE // 2]))
    assert np.argmax(spectrum) * 2 == pytest.approx(440, abs=2)


@pytest.mark.slow
def test_a_file_is_spoken_in_a_session_that_can_be_watched_and_then_ends(server: ServerProcess, spoken: Path) -> None:
    command = [sys.executable, "-m", "scripts.examples.agent", str(spoken), "--url", server.url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        watch = process.stdout.readline().split()[-1]
        address = process.stdout.readline().split()[-1].removesuffix("/interrupt")
        path = address.removeprefix(server.url)
        server.wait(lambda: bool(server.get(path)["voiced"]), "hearing the voice")
        assert server.status(watch.removeprefix(server.url)) == 200
        assert process.wait(30) == 0
    server.wait(lambda: server.status(path) == 410, "telling that the session has ended")


@pytest.mark.slow
def test_samples_on_standard_input_are_spoken(server: ServerProcess) -> None:
    command = [sys.executable, "-m", "scripts.examples.agent", "-", "--rate", "16000", "--url", server.url]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdout.readline()
        path = re.sub(r".*(/api/.*)/interrupt\s", r"\1", process.stdout.readline().decode())
        process.stdin.write((voice(SPOKEN_S, rate=16_000) * 32767).astype("<i2").tobytes())
        process.stdin.flush()
        server.wait(lambda: bool(server.get(path)["voiced"]), "hearing the voice")
        process.stdin.close()
        assert process.wait(30) == 0


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["nowhere.wav"], 2, "there is no file nowhere.wav"),
        (["-", "--url", "http://127.0.0.1:9"], 1, "does `lipcast serve` run there?"),
    ],
)
def test_what_cannot_be_done_is_said(words: list[str], status: int, told: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "scripts.examples.agent", *words],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    assert done.returncode == status
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="needs espeak-ng")
def test_a_text_is_spoken(server: ServerProcess) -> None:
    command = [sys.executable, "-m", "scripts.examples.agent", "--text", "Hello.", "--url", server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.slow
def test_a_server_that_refuses_or_ends_is_said(server: ServerProcess, spoken: Path) -> None:
    command = [sys.executable, "-m", "scripts.examples.agent", str(spoken), "--url", server.url, "--avatar", "nobody"]
    refused = subprocess.run(command, capture_output=True, text=True)
    assert refused.returncode == 1
    assert "nobody" in refused.stderr
    with subprocess.Popen(
        [*command[:-2], "--wait"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as waits:
        assert waits.stdout is not None
        waits.stdout.readline()
        server.stop()
        _, complaint = waits.communicate(timeout=60)
    assert waits.returncode == 1
    assert "error:" in complaint
    assert "Traceback" not in complaint
