"""The command `lipcast`: its arguments. Each subcommand's work is in lipcast/commands."""

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
    """Exit status: 0 done, 1 failed (the message says why and how to fix it), 2 usage error, 130 stopped by Ctrl-C."""
    options = new_parser().parse_args(arguments)
    command: Command = options.command
    try:
        return command(options)
    except (ConfigError, ValueError, OSError, LookupError) as error:
        print(f"lipcast: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lipcast: stopped", file=sys.stderr)
        return 130  # as shells report a program that Ctrl-C ended


def new_parser() -> argparse.ArgumentParser:
    parser = Parser(prog="lipcast", description="A real-time streaming avatar server.")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    add_serve(commands)
    add_render(commands)
    add_lips(commands)
    add_verify(commands)
    add_push(commands)
    add_doctor(commands)
    add_avatar(commands)
    add_pack(commands)
    add_bench(commands)
    return parser


class Parser(argparse.ArgumentParser):
    """Takes every option by its whole name only, and so do the parsers of its subcommands."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)


def add_serve(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser("serve", help="serve the join page and the presenters")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file, such as configs/cpu.toml")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1)")
    parser.add_argument("--port", type=int, help="port to listen on (default 8080)")
    parser.add_argument("--loop", choices=("uvloop", "asyncio"), help="event loop (default uvloop)")
    add_engine_arguments(parser)
    parser.set_defaults(command=serve)


def serve(options: argparse.Namespace) -> int:
    from lipcast.commands.serve import serve  # late: the other commands need no server

    return serve(with_engine(override(load_config(options.config), options), options))


def add_render(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser("render", help="make a video of a presenter who says what an audio file says")
    parser.add_argument("--audio", type=Path, required=True, metavar="FILE", help="WAV, MP3, M4A, FLAC, Ogg …")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.mp4", help="the video to write")
    parser.add_argument("--avatar", default="", metavar="NAME", help="the presenter (default: the one offered first)")
    parser.add_argument("--report", type=Path, metavar="FILE.json", help="write a report, over an existing one")
    parser.add_argument("--force", action="store_true", help="overwrite the video if it exists")
    add_engine_arguments(parser)
    add_speech_arguments(parser)
    parser.set_defaults(command=render)


def render(options: argparse.Namespace) -> int:
    from lipcast.commands.render import RenderJob, render
    from streamer.clock import MonotonicClock

    job = RenderJob(options.audio, options.out, options.avatar, options.report, options.force)
    report = render(job, with_engine(load_config(options.config), options), sys.stderr, MonotonicClock().now)
    print(f"{options.out}: {report.sentence()}", file=sys.stderr)
    return 0


def add_lips(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser("lips", help="write an audio file's lip motion as JSON, one row for each video frame")
    parser.add_argument("audio", type=Path, metavar="FILE", help="WAV, MP3, M4A, FLAC, Ogg …")
    parser.add_argument(
        "--json", type=Path, required=True, metavar="FILE.json", help="the file to write, - for standard output"
    )
    add_speech_arguments(parser)
    parser.set_defaults(command=lips)


def lips(options: argparse.Namespace) -> int:
    from lipcast.commands.lips import lips, write_lips
    from streamer.clock import MonotonicClock

    config = with_engine(load_config(options.config), options)
    write_lips(lips(options.audio, config, sys.stderr, MonotonicClock().now), options.json, sys.stdout)
    return 0


def add_verify(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser(
        "verify", help="say whether a video is marked as AI-generated, and whether it is signed"
    )
    parser.add_argument("file", type=Path, metavar="FILE", help="a recording, a rendered video, or any other")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=verify)


def verify(options: argparse.Namespace) -> int:
    import json

    from lipcast.commands.verify import verify

    found = verify(options.file)
    print(json.dumps(found.body(), indent=2) if options.json else found.text())
    return 0 if found.good else 1


def add_push(commands: argparse._SubParsersAction[Parser]) -> None:
    from lipcast.commands.push import add_push_arguments

    add_push_arguments(
        commands.add_parser("push", help="send a running session to an RTMP server, such as a platform's")
    )


def add_doctor(commands: argparse._SubParsersAction[Parser]) -> None:
    parser = commands.add_parser("doctor", help="check what is installed, what works, and how to fix what does not")
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file, such as configs/cpu.toml")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(command=doctor)


def doctor(options: argparse.Namespace) -> int:
    import json
    from importlib.metadata import version

    from lipcast.commands.doctor import finding
    from lipcast.commands.doctor.examine import examine
    from streamer.clock import MonotonicClock

    findings = list(examine(options.config, MonotonicClock().now))
    release = version("lipcast")
    print(json.dumps(finding.body(findings, release), indent=2) if options.json else finding.text(findings, release))
    return 0 if finding.is_well(findings) else 1


def add_avatar(commands: argparse._SubParsersAction[Parser]) -> None:
    from lipcast.commands.avatar_cli import add_avatar_arguments

    add_avatar_arguments(
        commands.add_parser("avatar", help="make presenters from pictures and clips, list and delete them, and more")
    )


def add_pack(commands: argparse._SubParsersAction[Parser]) -> None:
    from lipcast.commands.pack_cli import add_pack_arguments

    add_pack_arguments(commands.add_parser("pack", help="build packs from your own weights, show them, compile them"))


def add_bench(commands: argparse._SubParsersAction[Parser]) -> None:
    from lipcast.commands.bench import QUESTIONS

    questions = "".join(f"\n  {name:<12}{question}" for name, question in QUESTIONS.items())
    parser = commands.add_parser(
        "bench",
        help="measure latency, cost and quality here",
        description=f"Measure this machine and this release:{questions}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("question", choices=tuple(QUESTIONS), metavar="QUESTION", help="one of the above")
    parser.add_argument("arguments", nargs=argparse.REMAINDER, metavar="…", help="its own arguments; --help lists them")
    parser.set_defaults(command=run_bench)


def run_bench(options: argparse.Namespace) -> int:
    from lipcast.commands.bench import bench

    return bench(options.question, options.arguments)


def add_engine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--engine", metavar="NAME", help="the engine: diffusion (default) or warp")
    parser.add_argument("--pack", metavar="FOLDER", help="the diffusion engine's weights (default: those that ship)")
    parser.add_argument(
        "--backend",
        metavar="NAME",
        help="the runtime that computes it: onnxruntime (default), openvino, pytorch-cuda or tensorrt",
    )


def add_speech_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--lookahead-ms",
        type=int,
        metavar="MS",
        help="how far ahead the lips hear: 0, 40, 80, 120 or 160 (default 80)",
    )
    parser.add_argument("--config", type=Path, metavar="FILE", help="a TOML file, such as configs/cpu.toml")


def with_engine(config: Config, options: argparse.Namespace) -> Config:
    """The configuration with the engine that was given on the command line."""
    pack = getattr(options, "pack", None)
    # Weights are named for the engine that uses them.
    name = getattr(options, "engine", None) or (pack and "diffusion")
    overrides: dict[str, Any] = {"name": name, "pack": pack, "backend": getattr(options, "backend", None)}
    overrides["lookahead_ms"] = getattr(options, "lookahead_ms", None)
    engine = dataclasses.replace(config.engine, **{key: value for key, value in overrides.items() if value is not None})
    return dataclasses.replace(config, engine=engine)


def override(config: Config, options: argparse.Namespace) -> Config:
    """The configuration with the options of the command line."""
    overrides = {
        name: getattr(options, name)
        for name in (field.name for field in dataclasses.fields(ServerConfig))
        if getattr(options, name, None) is not None
    }
    return dataclasses.replace(config, server=dataclasses.replace(config.server, **overrides))
