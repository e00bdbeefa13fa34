"""Configuration is right, or the error names what is wrong and what was expected."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from aiortc.rtcicetransport import connection_kwargs

from streamer.audio.opus import SAMPLES_PER_PACKET, OpusEncoder
from streamer.config import AudioConfig, Config, IceServer, WebRtcConfig, load_config
from streamer.errors import ConfigError
from streamer.webrtc.peer import ice_server

CONFIGS = Path(__file__).parents[2] / "configs"


def load(tmp_path: Path, text: str) -> Config:
    path = tmp_path / "config.toml"
    path.write_text(text)
    return load_config(path)


def test_without_a_file_there_are_the_defaults() -> None:
    config = load_config(None)
    assert config == Config()
    assert (config.server.host, config.server.port) == ("127.0.0.1", 8080)
    assert config.webrtc.ice_servers == ()


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "") == Config()


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.name)
def test_the_configurations_that_ship_are_right(path: Path) -> None:
    load_config(path)


def test_the_annotated_configuration_says_every_key_with_its_default() -> None:
    config = load_config(CONFIGS / "cpu.toml")
    assert config == Config()
    text = (CONFIGS / "cpu.toml").read_text()
    for section in dataclasses.fields(Config):
        for key in dataclasses.fields(getattr(config, section.name)):
            assert f"\n{key.name} = " in text, f"{section.name}.{key.name} is not told"


def test_every_kind_of_value_is_read(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
        [server]
        port = 0
        loop = "asyncio"
        [webrtc]
        connect_timeout_s = 3
        allow_loopback_candidates = false
        ice_servers = [{ urls = ["stun:192.0.2.1:3478", "turn:192.0.2.1"], username = "name", credential = "word" }]
        """,
    )
    assert (config.server.port, config.server.loop) == (0, "asyncio")
    assert config.webrtc.connect_timeout_s == 3.0
    assert config.webrtc.allow_loopback_candidates is False
    assert config.webrtc.ice_servers[0].urls == ("stun:192.0.2.1:3478", "turn:192.0.2.1")
    assert config.webrtc.ice_servers[0].credential == "word"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("serve = 1", "serve: no such key"),
        ("[server]\nprt = 1", "server.prt: no such key"),
        ("server = 1", "server = 1: expected a table"),
        ("[server]\nport = '8080'", "server.port = '8080': expected int"),
        ("[server]\nport = 65536", "server.port = 65536"),
        ("[server]\nport = -1", "server.port = -1"),
        ("[server]\nport = true", "server.port = True"),
        ("[server]\nloop = 'trio'", "server.loop = 'trio'"),
        ("[server]\nmax_sessions = 0", "server.max_sessions = 0"),
        ("[server]\nmax_viewers = -1", "server.max_viewers = -1"),
        ("[webrtc]\nconnect_timeout_s = 0", "webrtc.connect_timeout_s = 0"),
        ("[webrtc]\nconnect_timeout_s = nan", "webrtc.connect_timeout_s = nan"),
        ('[server]\nroot_path = "/ü"', "server.root_path"),
        ('[server]\nroot_path = "//example.org"', "server.root_path"),
        ('[server]\nroot_path = "/a?b"', "server.root_path"),
        ('[server]\nroot_path = "/.."', "server.root_path"),
        ("[webrtc]\nidle_timeout_s = -1.5", "webrtc.idle_timeout_s = -1.5"),
        ("[webrtc]\nallow_loopback_candidates = 'yes'", "webrtc.allow_loopback_candidates = 'yes': expected bool"),
        ("[webrtc]\nice_servers = 'stun:x'", "webrtc.ice_servers = 'stun:x': expected a list"),
        ("[webrtc]\nice_servers = ['stun:x']", "expected a table"),
        ("[webrtc]\nice_servers = [{}]", "webrtc.ice_servers.urls"),
        ("[webrtc]\nice_servers = [{urls = ['http://x']}]", "webrtc.ice_servers.urls"),
        ("[webrtc]\nice_servers = [{urls = ['stun:']}]", "webrtc.ice_servers.urls = 'stun:'"),
        ("[webrtc]\nice_servers = [{urls = ['stun:x', 'stun:x:y']}]", "webrtc.ice_servers.urls = 'stun:x:y'"),
        ("[webrtc]\nice_servers = [{urls = ['stun:x:65536']}]", "webrtc.ice_servers.urls"),
        ("[webrtc]\nice_servers = [{urls = ['stun:x:0']}]", "webrtc.ice_servers.urls"),
        ("[webrtc]\nice_servers = [{urls = ['stun:[::1]:3478']}]", "webrtc.ice_servers.urls"),
        ("[webrtc]\nice_servers = [{urls = ['stun:x?transport=udp']}]", "webrtc.ice_servers.urls"),
        ("[webrtc]\nice_servers = [{urls = ['turn:x?transport=tls'], username = 'a', credential = 'b'}]", "transport"),
        ("[webrtc]\nice_servers = [{urls = ['turn:x']}]", "username and credential"),
        ("[webrtc]\nice_servers = [{urls = ['stun:x', 'turns:x'], username = 'a'}]", "username and credential"),
        ("[webrtc]\nice_servers = [{url = 'stun:x'}]", "webrtc.ice_servers.url: no such key"),
        ("[audio]\nvad_aggressiveness = 4", "audio.vad_aggressiveness = 4"),
        ("[audio]\nbitrate = 5999", "audio.bitrate = 5999"),
        ("[audio]\nbitrate = 256001", "audio.bitrate = 256001"),
        ("[audio]\njitter_target_ms = 201.0", "audio.jitter_target_ms = 201.0"),
        ("[video]\nstart_bitrate = 99", "video.*_bitrate"),
        ("[video]\nmin_bitrate = 3000000", "video.*_bitrate"),
        ("[engine]\nlookahead_ms = 50", "engine.lookahead_ms = 50"),
        ("[engine]\nlookahead_ms = 200", "engine.lookahead_ms = 200"),
        ("[engine]\nmargin_ms = 40.0", "engine.margin_ms = 40.0"),
        ("[engine]\nmargin_ms = -2", "engine.margin_ms = -2"),
        ("[engine]\nthreads = 0", "engine.threads = 0"),
        ("[engine]\nmax_batch = 0", "engine.max_batch = 0"),
        ("[log]\nlevel = 'loud'", "log.level = 'loud'"),
        ("[log]\nformat = 'xml'", "log.format = 'xml'"),
        ("[server", "not TOML"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text)
    assert named in str(caught.value)


GOOD_URLS = ("stun:a.example", "stuns:192.0.2.1:5349", "turn:x?transport=udp", "turns:x:443?transport=tcp")


def test_the_webrtc_library_takes_whatever_server_passes() -> None:
    servers = tuple(IceServer((url,), "name", "word") for url in GOOD_URLS)
    assert WebRtcConfig(ice_servers=servers).ice_servers == servers
    for server in servers:
        connection_kwargs([ice_server(server)])


@pytest.mark.parametrize("bitrate", [6_000, 256_000])
def test_opus_takes_the_least_and_the_greatest_bit_rate(bitrate: int) -> None:
    assert OpusEncoder(AudioConfig(bitrate=bitrate).bitrate).encode(np.zeros(SAMPLES_PER_PACKET, np.float32))


def test_an_unknown_key_is_answered_with_those_that_exist(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known here: drain_s, host, loop, max_sessions, max_viewers, origins, port"):
        load(tmp_path, "[server]\nprt = 1")


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: cannot be read"):
        load_config(tmp_path / "nowhere.toml")
    (tmp_path / "binary.toml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not TOML"):
        load_config(tmp_path / "binary.toml")
