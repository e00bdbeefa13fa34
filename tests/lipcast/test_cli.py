"""The command line's arguments."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lipcast.cli import main, new_parser, override, with_engine
from streamer.config import Config, ServerConfig


def configured(*arguments: str) -> Config:
    return override(Config(), new_parser().parse_args(["serve", *arguments]))


def test_without_arguments_the_configuration_stands() -> None:
    assert configured() == Config()


def test_arguments_win_over_the_configuration() -> None:
    assert configured("--host", "0.0.0.0", "--port", "9", "--loop", "asyncio").server == ServerConfig(
        "0.0.0.0", 9, "asyncio", 3, 8
    )


def test_the_engine_can_be_named_and_declares_its_own_margin() -> None:
    plain, other = (
        with_engine(Config(), new_parser().parse_args(["serve", *arguments])).engine
        for arguments in ([], ["--engine", "warp"])
    )
    assert (plain, other.name, other.lookahead_ms) == (Config().engine, "warp", plain.lookahead_ms)
    assert other.margin_s(10.0) == plain.margin_s(10.0) == 0.01


@pytest.mark.parametrize("arguments", [["serve", "--port", "70000"], ["serve", "--config", "/nowhere/config.toml"]])
def test_what_is_wrong_is_said_in_one_line(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 1
    captured = capsys.readouterr()
    assert captured.err.startswith("lipcast: ")
    assert captured.err.count("\n") == 1
    assert captured.out == ""


@pytest.mark.parametrize("arguments", [[], ["sing"], ["serve", "--loop", "trio"], ["serve", "--port", "x"]])
def test_usage_errors_end_with_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
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


@pytest.mark.parametrize(
    "arguments",
    [
        ["lips", "a.wav", "--json", "-", "--look", "80"],
        ["render", "--aud", "a.wav", "--out", "a.mp4"],
        ["serve", "--po", "80"],
        ["avatar", "list", "--pres", "x"],
        ["pack", "build", "sd15", "--weight", "x", "--out", "y"],
    ],
)
def test_no_option_can_be_abbreviated(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert re.search("unrecognized arguments|arguments are required", capsys.readouterr().err)
