"""The command `lipcast`. Each subcommand's work is elsewhere; here are its words."""

from __future__ import annotations

import argparse
import dataclasses
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

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
    except KeyboardInterrupt:
        print("lipcast: stopped", file=sys.stderr)
        return 130  # as shells report a program that Ctrl-C ended


def parser() -> argparse.ArgumentParser:
    words = argparse.ArgumentParser(prog="lipcast", description="A real-time streaming avatar server.")
    commands = words.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_serve(commands)
    add_render(commands)
    add_lips(commands)
    add_doctor(commands)
    add_avatar(commands)
    add_pack(commands)
    add_bench(commands)
    return words


Subcommands = argparse._SubParsersAction


def add_serve(commands: Subcommands[argparse.ArgumentParser]) -> None:
    words = commands.add_parser("serve", help="serve the join page and the presenters")
    words.add_argument("--config", type=Path, metavar="FILE", help="a TOML file, such as configs/cpu.toml")
    words.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    words.add_argument("--port", type=int, help="port to listen on (default 8080)")
    words.add_argument("--loop", choices=("uvloop", "asyncio"), help="event loop (default uvloop)")
    add_engine_arguments(words)
    words.set_defaults(command=serve)


def serve(options: argparse.Namespace) -> int:
    import uvicorn  # late: the other commands need no server

    from streamer.http.app import create_app
    from streamer.logs import configure_logs

    config = with_engine(override(load_config(options.config), options), options)
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


def add_render(commands: Subcommands[argparse.ArgumentParser]) -> None:
    words = commands.add_parser("render", help="make a video of a presenter saying what a sound file says")
    words.add_argument("--audio", type=Path, required=True, metavar="FILE", help="WAV, MP3, M4A, FLAC, Ogg …")
    words.add_argument("--out", type=Path, required=True, metavar="FILE.mp4", help="the video to write")
    words.add_argument("--avatar", default="", metavar="NAME", help="the presenter (default: the one offered first)")
    words.add_argument("--report", type=Path, metavar="FILE.json", help="write what it took; overwritten if there")
    words.add_argument("--force", action="store_true", help="overwrite the video if it exists")
    add_engine_arguments(words)
    add_speech_arguments(words)
    words.set_defaults(command=render)


def render(options: argparse.Namespace) -> int:
    from lipcast.commands.render import RenderJob, render
    from streamer.clock import MonotonicClock

    order = RenderJob(options.audio, options.out, options.avatar, options.report, options.force)
    report = render(order, with_engine(load_config(options.config), options), sys.stderr, MonotonicClock().now)
    print(f"{options.out}: {report.sentence()}", file=sys.stderr)
    return 0


def add_lips(commands: Subcommands[argparse.ArgumentParser]) -> None:
    words = commands.add_parser("lips", help="write a sound file's lip motions as JSON, one row a video frame")
    words.add_argument("audio", type=Path, metavar="FILE", help="WAV, MP3, M4A, FLAC, Ogg …")
    words.add_argument(
        "--json", type=Path, required=True, metavar="FILE.json", help="the file to write, - for standard output"
    )
    add_speech_arguments(words)
    words.set_defaults(command=lips)


def lips(options: argparse.Namespace) -> int:
    from lipcast.commands.lips import lips, write_lips
    from streamer.clock import MonotonicClock

    config = with_engine(load_config(options.config), options)
    write_lips(lips(options.audio, config, sys.stderr, MonotonicClock().now), options.json, sys.stdout)
    return 0


def add_doctor(commands: Subcommands[argparse.ArgumentParser]) -> None:
    words = commands.add_parser("doctor", help="say what is installed, what works, and how to mend what does not")
    words.add_argument("--config", type=Path, metavar="FILE", help="a TOML file, such as configs/cpu.toml")
    words.add_argument("--json", action="store_true", help="print JSON")
    words.set_defaults(command=doctor)


def doctor(options: argparse.Namespace) -> int:
    import json
    from importlib.metadata import version

    from lipcast.commands.doctor import finding
    from lipcast.commands.doctor.examine import examine
    from streamer.clock import MonotonicClock

    findings = list(examine(options.config, MonotonicClock().now))
    said = (findings, version("lipcast"))
    print(json.dumps(finding.body(*said), indent=2) if options.json else finding.text(*said))
    return 0 if finding.is_well(findings) else 1


def add_avatar(commands: Subcommands[argparse.ArgumentParser]) -> None:
    from lipcast.commands.avatar_cli import add_avatar_arguments

    add_avatar_arguments(
        commands.add_parser("avatar", help="make presenters of pictures and clips, and look after them")
    )


def add_pack(commands: Subcommands[argparse.ArgumentParser]) -> None:
    from lipcast.commands.pack_cli import add_pack_arguments

    add_pack_arguments(commands.add_parser("pack", help="build packs of your own weights, look at them, compile them"))


def add_bench(commands: Subcommands[argparse.ArgumentParser]) -> None:
    from lipcast.commands.bench import QUESTIONS

    asked = "".join(f"\n  {name:<12}{question}" for name, question in QUESTIONS.items())
    words = commands.add_parser(
        "bench",
        help="measure latency, cost and quality here",
        description=f"Measure this machine and this release:{asked}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    words.add_argument("question", choices=tuple(QUESTIONS), metavar="QUESTION", help="one of those above")
    words.add_argument("words", nargs=argparse.REMAINDER, metavar="…", help="its own words; --help lists them")
    words.set_defaults(command=run_bench)


def run_bench(options: argparse.Namespace) -> int:
    from lipcast.commands.bench import bench

    return bench(options.question, options.words)


def add_engine_arguments(words: argparse.ArgumentParser) -> None:
    words.add_argument("--engine", metavar="NAME", help="the engine: diffusion (default) or warp")
    words.add_argument("--pack", metavar="FOLDER", help="the diffusion engine's weights (default: those that ship)")
    words.add_argument(
        "--backend",
        metavar="NAME",
        help="what computes them: onnxruntime (default), openvino, pytorch-cuda or tensorrt",
    )


def add_speech_arguments(words: argparse.ArgumentParser) -> None:
    words.add_argument(
        "--lookahead-ms", type=int, metavar="MS", help="sound the lips may hear ahead: 0, 40, 80, 120, 160 (default 80)"
    )
    words.add_argument("--config", type=Path, metavar="FILE", help="a TOML file, such as configs/cpu.toml")


def with_engine(config: Config, options: argparse.Namespace) -> Config:
    """The configuration with the engine that was said on the command line."""
    pack = getattr(options, "pack", None)
    # Whoever names weights wants the engine that they are for.
    name = getattr(options, "engine", None) or (pack and "diffusion")
    said: dict[str, Any] = {"name": name, "pack": pack, "backend": getattr(options, "backend", None)}
    said["lookahead_ms"] = getattr(options, "lookahead_ms", None)
    engine = dataclasses.replace(config.engine, **{key: value for key, value in said.items() if value is not None})
    return dataclasses.replace(config, engine=engine)


def override(config: Config, options: argparse.Namespace) -> Config:
    """The configuration with what was said on the command line."""
    said = {
        name: getattr(options, name)
        for name in (field.name for field in dataclasses.fields(ServerConfig))
        if getattr(options, name, None) is not None
    }
    return dataclasses.replace(config, server=dataclasses.replace(config.server, **said))
