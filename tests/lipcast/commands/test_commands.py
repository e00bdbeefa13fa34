"""`lipcast render`, `lips` and `doctor`, from the command line to the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lipcast.cli import main
from tests.engines.face import tiny_avatar
from tests.lipcast.commands.recordings import pictures_of, write
from tests.sounds import tone


@pytest.fixture
def config(tmp_path: Path) -> str:
    """The name of a configuration with one presenter, "tiny"."""
    tiny_avatar.save(tmp_path / "presenters" / "tiny")
    path = tmp_path / "lipcast.toml"
    path.write_text(f'[engine]\npresenters = "{tmp_path / "presenters"}"\n')
    return str(path)


@pytest.fixture
def audio(tmp_path: Path) -> str:
    return str(write(tmp_path / "speech.wav", tone(0.2)))


def test_render_writes_the_video_and_the_report(tmp_path: Path, config: str, audio: str) -> None:
    out, report = tmp_path / "talk.mp4", tmp_path / "report.json"
    words = ["--audio", audio, "--avatar", "tiny", "--engine", "warp", "--lookahead-ms", "40", "--config", config]
    assert main(["render", *words, "--out", str(out), "--report", str(report)]) == 0
    assert len(pictures_of(out)) == 5
    assert json.loads(report.read_text())["lookahead_ms"] == 40


def test_render_says_what_is_wrong_and_fails(
    tmp_path: Path, config: str, audio: str, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--audio", audio, "--avatar", "ana", "--out", str(tmp_path / "talk.mp4"), "--config", config]
    assert main(["render", *words]) == 1
    assert capsys.readouterr().err == "lipcast: no presenter 'ana'; there are: tiny\n"


def test_a_wrong_look_ahead_is_refused(audio: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lips", audio, "--json", "-", "--lookahead-ms", "70"]) == 1
    assert "engine.lookahead_ms = 70: expected 0, 40, 80, 120 or 160" in capsys.readouterr().err


def test_lips_writes_nothing_but_json_to_standard_output(audio: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lips", audio, "--json", "-"]) == 0
    assert len(json.loads(capsys.readouterr().out)["frames"]) == 5


@pytest.mark.slow
def test_doctor_prints_json_and_fails_when_something_is_broken(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "lipcast.toml"
    path.write_text('[engine]\npresenters = "/nowhere"\n')
    assert main(["doctor", "--json", "--config", str(path)]) == 1
    assert json.loads(capsys.readouterr().out)["ok"] is False
