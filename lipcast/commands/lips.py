"""A sound file → its lip motions as JSON, aligned with the sound. Knows no pictures."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from lipcast.commands.files import whole_file
from lipcast.commands.hearing import hear, piece_size
from lipcast.commands.progress import Progress
from lipcast.commands.sound_file import open_sound
from lipcast.commands.wiring import lip_rows
from streamer.config import Config

FRAME_RATE = 25  # video frames a second
STDOUT = Path("-")
DIGITS = 3  # milliseconds


def lips(audio: Path, config: Config, words: TextIO, clock: Callable[[], float]) -> dict[str, object]:
    """{"fps", "lookahead_ms", "frames": [{"t", "aperture", "width", "coefficients", "visemes"}, …]}.

    One row for each started video frame; t is the middle of the frame in seconds from the sound's beginning.
    `words` is told of the progress; `clock` is monotonic seconds.

    Raises:
        OfflineError: the file cannot be used.
    """
    sound, size = open_sound(audio), piece_size(FRAME_RATE)
    chunks = hear(sound.pieces(size), size, config.audio.vad_aggressiveness)
    frames: list[dict[str, object]] = []
    with Progress(-(-sound.length // size), FRAME_RATE, words, clock) as progress:
        for index, row in enumerate(lip_rows(chunks, config.engine)):
            frames.append({"t": round((index + 0.5) / FRAME_RATE, DIGITS), **row})
            progress.show(len(frames))
    return {"fps": FRAME_RATE, "lookahead_ms": config.engine.lookahead_ms, "frames": frames}


def write_lips(body: dict[str, object], path: Path, stdout: TextIO) -> None:
    """To a file, whole or not at all; or to `stdout` for the path "-"."""
    text = json.dumps(body) + "\n"
    if path == STDOUT:
        stdout.write(text)
        return
    with whole_file(path) as fresh:
        fresh.write_text(text, encoding="utf-8")
