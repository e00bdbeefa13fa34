"""Drives an avatar from program audio: an audio file, raw samples on standard input, or a text.

    python -m scripts.examples.agent speech.wav --avatar helen
    some-speech-synthesis | python -m scripts.examples.agent - --rate 24000 --wait
    python -m scripts.examples.agent --text "Hello, world."

Prints the link under which people watch, and the address at which to interrupt. A start for an agent of one's own: all
that it needs of Lipcast is `lipcast.client`.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

import av

from lipcast.client import Client, LipcastError, Presenter

RATE = 24_000  # Hz, that files are resampled to
READ = 4_096  # bytes taken from standard input at once, at most
PAUSE_S = 1.0  # without audio on standard input; then the utterance is over, and what follows is another one


def sound_of(path: str) -> Iterator[bytes]:
    """The audio of a file as 16-bit mono samples at RATE, block by block.

    Raises:
        OSError, IndexError: it cannot be read, or holds no audio.
    """
    resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
    with av.open(path) as container:
        for frame in chain(container.decode(container.streams.audio[0]), [None]):
            for resampled in resampler.resample(frame):
                yield resampled.to_ndarray().tobytes()


async def speak(options: argparse.Namespace) -> None:
    async with Client(options.url) as client, client.join(options.avatar) as presenter:
        print(f"watch      {presenter.watch_url}\ninterrupt  POST {presenter.url}/interrupt", flush=True)
        if options.wait:
            await presenter.watched()
        if options.text:
            await presenter.say(options.text)
        elif options.source == "-":
            await pour(lambda: os.read(sys.stdin.fileno(), READ), presenter, options.rate)
        else:
            blocks = sound_of(options.source)
            await pour(lambda: next(blocks, b""), presenter, RATE)


async def pour(read: Callable[[], bytes], presenter: Presenter, rate: int) -> None:
    """Say all of it. A thread waits for each block: a pipe may be silent for long, and a pause ends an utterance."""
    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(asyncio.to_thread(read))
        while block := await reading:
            async with presenter.turn(rate) as turn:
                while block:
                    await turn.push(block)
                    reading = tasks.create_task(asyncio.to_thread(read))
                    await asyncio.wait([reading], timeout=PAUSE_S)
                    block = reading.result() if reading.done() else b""
            await turn.finished()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        allow_abbrev=False, prog="scripts.examples.agent", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("source", nargs="?", help='an audio file, or "-": 16-bit mono samples on standard input')
    parser.add_argument("--text", help="say this instead, with the server's voice")
    parser.add_argument("--rate", type=int, default=RATE, help="Hz, of standard input (default %(default)s)")
    parser.add_argument("--url", default="http://127.0.0.1:8080", help="of the server (default %(default)s)")
    parser.add_argument("--avatar", help="presenter (default: the first)")
    parser.add_argument("--wait", action="store_true", help="begin once the session has a viewer")
    options = parser.parse_args(arguments)
    if (options.source is None) == (options.text is None):
        parser.error("expected an audio file, - or --text")
    if options.source not in (None, "-") and not Path(options.source).is_file():
        parser.error(f"expected an audio file or -, and there is no file {options.source}")
    status = 0
    try:
        asyncio.run(speak(options))
    except* (LipcastError, OSError, IndexError) as errors:
        print(*(f"error: {error}" for error in errors.exceptions), sep="\n", file=sys.stderr)
        status = 1
    except* KeyboardInterrupt:
        status = 130
    return status


if __name__ == "__main__":
    sys.exit(main())
