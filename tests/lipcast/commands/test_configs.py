"""The configurations that ship are right, and cpu.toml says what happens without one."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from streamer.config import Config, load_config

CONFIGS = Path(__file__).parents[3] / "configs"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_every_configuration_is_accepted(path: Path) -> None:
    load_config(path)


def test_cpu_toml_is_the_defaults() -> None:
    assert load_config(CONFIGS / "cpu.toml") == Config()


def test_cpu_toml_names_every_key() -> None:
    table = tomllib.loads((CONFIGS / "cpu.toml").read_text(encoding="utf-8"))
    assert {name: set(keys) for name, keys in table.items()} == {
        part.name: {field.name for field in dataclasses.fields(getattr(Config(), part.name))}
        for part in dataclasses.fields(Config)
    }


def test_the_servers_in_lan_tomls_comments_are_accepted(tmp_path: Path) -> None:
    lines = (CONFIGS / "lan.toml").read_text(encoding="utf-8").splitlines()
    first = lines.index("# [[webrtc.ice_servers]]")
    spoken = [line.removeprefix("# ").removeprefix("#") for line in lines[first : lines.index("[log]")]]
    path = tmp_path / "lan.toml"
    path.write_text("\n".join(spoken), encoding="utf-8")
    assert len(load_config(path).webrtc.ice_servers) == 2
