"""An audio file → its lip motions as JSON, aligned with the audio. Knows no pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import NDArray

from engines.api import Chunk, Timing
from engines.motion import COEFFICIENTS, VISEMES, LipMotion
from engines.speech.loader import load_lip_encoder
from lipcast.commands.audio_file import chunks_of, open_audio, piece_size, until_drawn
from lipcast.commands.files import whole_file
from lipcast.commands.progress import Progress
from streamer.config import Config, EngineConfig
from streamer.wiring import FRAME_RATE, lookahead_frames

STDOUT = Path("-")
TIME_DIGITS = 3  # milliseconds
DIGITS = 5  # of every other number: finer than lips can be seen to move


def lips(audio: Path, config: Config, log: TextIO, clock: Callable[[], float]) -> dict[str, object]:
    """{"fps", "lookahead_ms", "frames": [{"t", "aperture", "width", "coefficients", "visemes"}, …]}.

    One row for each started video frame; t is the middle of the frame in seconds from the beginning of the audio.
    `log` is told of warnings and progress; `clock` is monotonic seconds.

    Raises:
        CommandError: the file cannot be used.
    """
    source, size = open_audio(audio), piece_size(FRAME_RATE)
    log.writelines(f"{line}\n" for line in source.warnings())
    chunks = chunks_of(source.pieces(size), size, config.audio.vad_aggressiveness)
    frames: list[dict[str, object]] = []
    with Progress(-(-source.length // size), FRAME_RATE, log, clock) as progress:
        for index, row in enumerate(lip_rows(chunks, config.engine)):
            frames.append({"t": round((index + 0.5) / FRAME_RATE, TIME_DIGITS), **row})
            progress.show(len(frames))
    return {"fps": FRAME_RATE, "lookahead_ms": config.engine.lookahead_ms, "frames": frames}


def lip_rows(chunks: Iterable[Chunk], config: EngineConfig) -> Iterator[dict[str, object]]:
    """A row for each chunk, aligned with it: aperture and width in inter-ocular distances, and the rest by name."""
    encoder = load_lip_encoder(lookahead_frames(config))
    stream = encoder.open()
    for chunk in until_drawn(chunks, Timing(encoder.lookahead_frames)):
        motion = stream.step(chunk.samples)
        if chunk.index >= encoder.lookahead_frames:
            yield row_of(motion)


def row_of(motion: LipMotion) -> dict[str, object]:
    return {
        "aperture": round(motion.aperture, DIGITS),
        "width": round(motion.width, DIGITS),
        "coefficients": named(COEFFICIENTS, motion.coefficients),
        "visemes": named(VISEMES, motion.visemes),
    }


def named(names: tuple[str, ...], values: NDArray[np.float32]) -> dict[str, float]:
    return {name: round(float(value), DIGITS) for name, value in zip(names, values, strict=True)}


def write_lips(body: dict[str, object], path: Path, stdout: TextIO) -> None:
    """To a file, whole or not at all; or to `stdout` for the path "-"."""
    text = json.dumps(body) + "\n"
    if path == STDOUT:
        stdout.write(text)
        return
    with whole_file(path) as fresh:
        fresh.write_text(text, encoding="utf-8")
