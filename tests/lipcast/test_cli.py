"""The words of the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from lipcast.cli import main, override, parser, with_engine
from streamer.config import Config, ServerConfig


def said(*words: str) -> Config:
    return override(Config(), parser().parse_args(["serve", *words]))


def test_without_words_the_configuration_stands() -> None:
    assert said() == Config()


def test_words_win_over_the_configuration() -> None:
    assert said("--host", "0.0.0.0", "--port", "9", "--loop", "asyncio").server == ServerConfig(
        "0.0.0.0", 9, "asyncio", 3, 8
    )


def test_the_engine_can_be_named_and_declares_its_own_margin() -> None:
    plain, other = (
        with_engine(Config(), parser().parse_args(["serve", *words])).engine for words in ([], ["--engine", "warp"])
    )
    assert (plain, other.name, other.lookahead_ms) == (Config().engine, "warp", plain.lookahead_ms)
    assert other.margin_s(10.0) == plain.margin_s(10.0) == 0.01


@pytest.mark.parametrize("words", [["serve", "--port", "70000"], ["serve", "--config", "/nowhere/config.toml"]])
def test_what_is_wrong_is_said_in_one_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("lipcast: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("words", [[], ["sing"], ["serve", "--loop", "trio"], ["serve", "--port", "x"]])
def test_words_that_are_off_end_with_status_2(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: lipcast" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["serve", "render", "lips", "doctor"])
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert "--config" in capsys.readouterr().out


def test_a_wrong_configuration_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "wrong.toml"
    path.write_text("[server]\nport = 'x'")
    assert main(["serve", "--config", str(path)]) == 1
    assert "server.port" in capsys.readouterr().err
