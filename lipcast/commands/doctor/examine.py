"""All checks, in the order of the report. Knows no details of any part."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from lipcast.commands.doctor import ice, machine, network, performance
from lipcast.commands.doctor.finding import Finding, error, good
from streamer.config import Config, load_config
from streamer.errors import ConfigError
from streamer.threads import processors


def examine(path: Path | None, clock: Callable[[], float]) -> Iterator[Finding]:
    """The findings for the configuration at `path`, or the defaults; `clock` is monotonic seconds."""
    config = Config()
    yield from machine.python()
    yield from machine.packages()
    try:
        config = load_config(path)
    except ConfigError as problem:
        yield error("Configuration", str(problem), "fix the file; the lines below are about the defaults")
    else:
        yield good("Configuration", f"{path} is valid" if path else "the defaults")
    yield from machine.event_loop(config.server)
    yield from machine.webrtc()
    yield from machine.webrtc_library()
    yield from machine.codecs()
    yield from machine.backends()
    yield from performance.load_avatar(config, processors(), clock)
    yield from network.http_port(config.server)
    yield from network.microphone(config.server)
    yield from network.media_addresses()
    yield from ice.ice_servers(config.webrtc.ice_servers)
