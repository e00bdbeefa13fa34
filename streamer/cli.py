"""The command `lipcast`. Each subcommand's work is elsewhere; here are its words."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path

from streamer.config import Config, ServerConfig, load_config
from streamer.errors import ConfigError

Command = Callable[[argparse.Namespace], int]


def main(arguments: list[str] | None = None) -> int:
    """Exit status: 0 done, 1 something is wrong with what was given, 2 the words are off."""
    options = parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except (ConfigError, ValueError, OSError, LookupError) as error:
        print(f"lipcast: {error}", file=sys.stderr)
        return 1


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="lipcast", description="A real-time streaming avatar server.")
    commands = words.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_serve(commands)
    return words


Subcommands = argparse._SubParsersAction


def add_serve(commands: Subcommands[argparse.ArgumentParser]) -> None:
    words = commands.add_parser("serve", help="serve the join page and the presenters")
    words.add_argument("--config", type=Path, metavar="FILE", help="a TOML file, such as configs/cpu.toml")
    words.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    words.add_argument("--port", type=int, help="port to listen on (default 8080)")
    words.add_argument("--loop", choices=("uvloop", "asyncio"), help="event loop (default uvloop)")
    words.set_defaults(command=serve)


def serve(options: argparse.Namespace) -> int:
    import uvicorn  # late: the other commands need no server

    from streamer.app import create_app
    from streamer.logs import configure_logs

    config = override(load_config(options.config), options)
    configure_logs(config.log)
    server = config.server
    print(f"Lipcast serves http://{server.host}:{server.port}", file=sys.stderr)
    uvicorn.run(
        create_app(config),
        host=server.host,
        port=server.port,
        loop=server.loop,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )
    return 0


def override(config: Config, options: argparse.Namespace) -> Config:
    """The configuration with what was said on the command line."""
    said = {
        name: getattr(options, name)
        for name in (field.name for field in dataclasses.fields(ServerConfig))
        if getattr(options, name, None) is not None
    }
    return dataclasses.replace(config, server=dataclasses.replace(config.server, **said))
