"""Configuration: TOML → frozen dataclasses, checked once. A wrong key or value is named in the error."""

from __future__ import annotations

import dataclasses
import re
import sys
import tomllib
import types
import typing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from streamer.errors import ConfigError

T = TypeVar("T")

DEFAULT_LOOP = "asyncio" if sys.platform == "win32" else "uvloop"  # there is no uvloop for Windows
AUTO_MARGIN_MS = -1.0  # as the engine says that it needs

# As RFC 7064 and RFC 7065 write them, with a host that is a name or an IPv4 address: the WebRTC library takes no other.
ICE_URL = re.compile(r"(stuns?|(?P<turn>turns?)):[^\s?:\[\]]+(:(?P<port>[0-9]{1,5}))?(?(turn)(\?transport=(udp|tcp))?)")
ROOT_PATH = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*")  # no segment that begins with a dot, and none empty
ORIGIN = re.compile(r"https?://[^/\s]+")  # as browsers write it: no path, no slash
HTTP_URL = re.compile(r"https?://[^/\s]+(/\S*)?")
EXPECTED_URL = 'addresses such as "stun:host:3478" or "turn:host:3478?transport=udp", IPv6 by name only'


@dataclass(frozen=True, slots=True)
class ServerConfig:
    host: str = "127.0.0.1"
    port: int = 8080
    loop: str = DEFAULT_LOOP  # "uvloop" or "asyncio"
    max_sessions: int = 3
    max_viewers: int = 8  # per session
    root_path: str = ""  # the prefix under which a proxy, which removes it, shows the server; such as "/lipcast"
    origins: tuple[
        str, ...
    ] = ()  # of pages elsewhere that may open sockets and publish by WHIP, such as "https://example.org"
    drain_s: float = 10.0  # when the server stops: what its sessions and requests get to end

    def __post_init__(self) -> None:
        expect(0 <= self.port <= 65535, "server.port", self.port, "0 to 65535")
        expect(self.loop in ("uvloop", "asyncio"), "server.loop", self.loop, '"uvloop" or "asyncio"')
        expect(self.max_sessions >= 1, "server.max_sessions", self.max_sessions, "1 or more")
        good = ROOT_PATH.fullmatch(self.root_path) is not None
        expect(good, "server.root_path", self.root_path, 'empty, or a path such as "/lipcast"')
        expect(self.max_viewers >= 0, "server.max_viewers", self.max_viewers, "0 or more")
        for origin in self.origins:
            expect(ORIGIN.fullmatch(origin) is not None, "server.origins", origin, 'such as "https://example.org"')
        expect(0 < self.drain_s <= 3600, "server.drain_s", self.drain_s, "more than 0, 3600 s at most")


@dataclass(frozen=True, slots=True)
class IceServer:
    urls: tuple[str, ...] = ()
    username: str = ""
    credential: str = ""

    def __post_init__(self) -> None:
        expect(bool(self.urls), "webrtc.ice_servers.urls", self.urls, EXPECTED_URL)
        for url in self.urls:
            words = ICE_URL.fullmatch(url)
            good = words is not None and int(words["port"] or 1) in range(1, 65536)
            expect(good, "webrtc.ice_servers.urls", url, EXPECTED_URL)

    @property
    def may_be_asked(self) -> bool:
        """Neither browsers nor the WebRTC library ask a relay without a name and a password."""
        relay = any(url.startswith("turn") for url in self.urls)
        return not relay or bool(self.username and self.credential)


@dataclass(frozen=True, slots=True)
class WebRtcConfig:
    ice_servers: tuple[IceServer, ...] = ()  # none by default: no server of others is asked for anything
    allow_loopback_candidates: bool = True
    connect_timeout_s: float = 15.0
    idle_timeout_s: float = 120.0  # no audio from the client for so long, though it is connected, ends the session

    def __post_init__(self) -> None:
        expect(self.connect_timeout_s > 0, "webrtc.connect_timeout_s", self.connect_timeout_s, "more than 0")
        expect(self.idle_timeout_s > 0, "webrtc.idle_timeout_s", self.idle_timeout_s, "more than 0")
        for server in self.ice_servers:
            expect(server.may_be_asked, "webrtc.ice_servers", server.urls, "username and credential with a TURN server")


@dataclass(frozen=True, slots=True)
class AudioConfig:
    vad_aggressiveness: int = 2  # 0 (lenient) to 3 (strict), as webrtcvad numbers them
    bitrate: int = 48_000  # bit/s of the voice that is sent, Opus mono; libopus takes no more than 256000 for it
    jitter_target_ms: float = 0.0  # sound kept in hand beyond what jitter has shown to be needed

    def __post_init__(self) -> None:
        expect(self.vad_aggressiveness in range(4), "audio.vad_aggressiveness", self.vad_aggressiveness, "0, 1, 2 or 3")
        expect(6_000 <= self.bitrate <= 256_000, "audio.bitrate", self.bitrate, "6000 to 256000 bit/s")
        expect(0 <= self.jitter_target_ms <= 200, "audio.jitter_target_ms", self.jitter_target_ms, "0 to 200 ms")


@dataclass(frozen=True, slots=True)
class VideoConfig:
    start_bitrate: int = 900_000  # bit/s
    min_bitrate: int = 250_000
    max_bitrate: int = 2_500_000

    def __post_init__(self) -> None:
        good = 100_000 <= self.min_bitrate <= self.start_bitrate <= self.max_bitrate <= 20_000_000
        expect(
            good,
            "video.*_bitrate",
            (self.min_bitrate, self.start_bitrate, self.max_bitrate),
            "100000 <= min <= start <= max <= 20000000 bit/s",
        )


@dataclass(frozen=True, slots=True)
class EngineConfig:
    name: str = "diffusion"
    lookahead_ms: int = 80  # 0 to 160 in steps of one frame (40 ms)
    margin_ms: float = AUTO_MARGIN_MS  # from a chunk's end to its unit's release, for drawing and encoding
    max_batch: int = 4
    presenters: str = ""  # a folder of avatars; empty: those that ship and your own
    presenter: str = ""  # offered first; empty: the first by name
    pack: str = ""  # folder of the diffusion engine's weights; empty: those that ship
    threads: int = 2  # that draw: on a CPU for several sessions side by side, on a GPU for those of one call
    backend: str = "onnxruntime"  # that network's runtime; or "openvino", "pytorch-cuda", "tensorrt"
    precision: str = "auto"  # that it computes in; or "int8", "float16", "bfloat16", "float32": see configs/cpu.toml

    def __post_init__(self) -> None:
        expect(
            self.lookahead_ms in range(0, 161, 40), "engine.lookahead_ms", self.lookahead_ms, "0, 40, 80, 120 or 160"
        )
        good = self.margin_ms == AUTO_MARGIN_MS or 0 <= self.margin_ms < 40
        expect(
            good, "engine.margin_ms", self.margin_ms, "0 to less than a frame, 40 ms, or -1 for what the engine needs"
        )
        expect(1 <= self.max_batch <= 64, "engine.max_batch", self.max_batch, "1 to 64")
        expect(1 <= self.threads <= 64, "engine.threads", self.threads, "1 to 64")
        known = self.precision in ("auto", "int8", "float16", "bfloat16", "float32")
        expect(known, "engine.precision", self.precision, "auto, int8, float16, bfloat16 or float32")

    def margin_s(self, usual_cost_ms: float) -> float:
        """Seconds from a chunk's end to the release of its unit. usual_cost_ms: what the engine says that it needs."""
        return (usual_cost_ms if self.margin_ms == AUTO_MARGIN_MS else self.margin_ms) / 1000


@dataclass(frozen=True, slots=True)
class VoiceConfig:
    """Either a program or an endpoint that turns text into speech."""

    name: str = ""
    command: tuple[str, ...] = ()  # a program and its arguments: text on standard input, PCM or WAV on standard output
    url: str = ""  # an endpoint such as "https://api.openai.com/v1/audio/speech"
    model: str = ""  # that the endpoint is asked for
    voice: str = ""  # likewise
    api_key_env: str = ""  # the environment variable that holds the endpoint's key
    rate: int = 24_000  # Hz, of PCM; WAV says its own
    timeout_s: float = 15.0  # without a byte of audio; then the voice has failed

    def __post_init__(self) -> None:
        expect(bool(self.name), "speech.voices.name", self.name, "a name")
        one = bool(self.command) != bool(self.url)
        expect(one, f"speech.voices.{self.name}", (self.command, self.url), "a command or a url, and not both")
        good = not self.url or HTTP_URL.fullmatch(self.url) is not None
        expect(good, "speech.voices.url", self.url, 'such as "https://api.openai.com/v1/audio/speech"')
        expect(8_000 <= self.rate <= 48_000, "speech.voices.rate", self.rate, "8000 to 48000 Hz")
        expect(0 < self.timeout_s <= 300, "speech.voices.timeout_s", self.timeout_s, "more than 0, 300 s at most")


@dataclass(frozen=True, slots=True)
class SpeechConfig:
    voice: str = ""  # that speaks where none is asked for; empty: the first
    voices: tuple[VoiceConfig, ...] = ()  # none: espeak-ng, where it is installed

    def __post_init__(self) -> None:
        names = [each.name for each in self.voices]
        expect(len(set(names)) == len(names), "speech.voices", names, "a name of its own for each voice")
        known = not self.voice or self.voice in names
        expect(known, "speech.voice", self.voice, f"one of {', '.join(names) or 'no voices'}, or empty")


@dataclass(frozen=True, slots=True)
class RecordingConfig:
    folder: str = ""  # where recordings are kept; empty: nothing is recorded
    max_mb: int = 500  # of one recording, which then ends
    total_mb: int = 5000  # of the folder: beyond it none begins

    def __post_init__(self) -> None:
        expect(self.max_mb >= 1, "recording.max_mb", self.max_mb, "1 or more")
        expect(self.total_mb >= self.max_mb, "recording.total_mb", self.total_mb, "at least recording.max_mb")


@dataclass(frozen=True, slots=True)
class C2paConfig:
    """What recordings and rendered videos are signed with; paths of PEM files."""

    certificate: str = ""  # the chain, its own certificate first; empty: files are marked and not signed
    private_key: str = ""  # PKCS#8, not encrypted
    algorithm: str = "es256"  # of the key, as C2PA names it
    timestamp_url: str = ""  # of a time-stamp server (RFC 3161), which is asked for each file; empty: none

    def __post_init__(self) -> None:
        both = bool(self.certificate) == bool(self.private_key)
        expect(both, "c2pa.private_key", self.private_key, "a file together with c2pa.certificate, or neither")
        known = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")
        expect(self.algorithm in known, "c2pa.algorithm", self.algorithm, ", ".join(known))


@dataclass(frozen=True, slots=True)
class LogConfig:
    level: str = "info"
    format: str = "text"  # or "json"

    def __post_init__(self) -> None:
        expect(
            self.level in ("debug", "info", "warning", "error"),
            "log.level",
            self.level,
            "debug, info, warning or error",
        )
        expect(self.format in ("text", "json"), "log.format", self.format, '"text" or "json"')


@dataclass(frozen=True, slots=True)
class Config:
    server: ServerConfig = field(default_factory=ServerConfig)
    webrtc: WebRtcConfig = field(default_factory=WebRtcConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    video: VideoConfig = field(default_factory=VideoConfig)
    engine: EngineConfig = field(default_factory=EngineConfig)
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    recording: RecordingConfig = field(default_factory=RecordingConfig)
    c2pa: C2paConfig = field(default_factory=C2paConfig)
    log: LogConfig = field(default_factory=LogConfig)


def expect(good: bool, key: str, value: object, expected: str) -> None:
    if not good:
        raise ConfigError(f"{key} = {value!r}: expected {expected}")


def load_config(path: Path | None) -> Config:
    """Read a TOML file, or the defaults when there is none.

    Raises:
        ConfigError: the file is missing or not TOML, or a key is unknown or a value wrong.
    """
    if path is None:
        return Config()
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror}); give the path of a TOML file") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not TOML: {error}") from error
    return parse(Config, table, prefix="")


def parse(kind: type[T], table: dict[str, Any], prefix: str) -> T:
    """Build the dataclass `kind` from a TOML table; `prefix` is the table's name, for the errors."""
    hints = typing.get_type_hints(kind)
    unknown = sorted(set(table) - set(hints))
    if unknown:
        raise ConfigError(f"{prefix}{unknown[0]}: no such key; known here: {', '.join(sorted(hints))}")
    return kind(**{key: convert(hints[key], value, prefix + key) for key, value in table.items()})


def convert(hint: Any, value: object, key: str) -> object:
    if dataclasses.is_dataclass(hint):
        if not isinstance(value, dict):
            raise ConfigError(f"{key} = {value!r}: expected a table")
        return parse(typing.cast(type, hint), value, key + ".")
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ConfigError(f"{key} = {value!r}: expected a list")
        return tuple(convert(typing.get_args(hint)[0], item, key) for item in value)
    if isinstance(hint, types.UnionType):
        raise TypeError(f"{key}: no configuration key may have several types")
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        raise ConfigError(f"{key} = {value!r}: expected {hint.__name__}")
    return value
