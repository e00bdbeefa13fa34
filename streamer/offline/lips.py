"""A sound file → its lip motions as JSON, aligned with the sound. Knows no pictures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TextIO

import numpy as np

from streamer.config import Config
from streamer.offline.files import whole_file
from streamer.offline.hearing import hear, piece_size
from streamer.offline.sound_file import open_sound
from streamer.offline.wiring import lip_rows

FRAME_RATE = 25  # video frames a second
STDOUT = Path("-")
DIGITS = 3  # milliseconds


def lips(audio: Path, config: Config) -> dict[str, object]:
    """{"fps", "lookahead_ms", "frames": [{"t", "aperture", "width", "coefficients", "visemes"}, …]}.

    One row for each started video frame; t is the middle of the frame in seconds from the sound's beginning.

    Raises:
        OfflineError: the file cannot be used.
    """
    size = piece_size(FRAME_RATE)
    chunks = hear(open_sound(audio).pieces(size), size, config.audio.vad_aggressiveness)
    rows = lip_rows(np.concatenate([chunk.samples for chunk in chunks]), config.engine)
    frames = [{"t": round((index + 0.5) / FRAME_RATE, DIGITS), **row} for index, row in enumerate(rows)]
    return {"fps": FRAME_RATE, "lookahead_ms": config.engine.lookahead_ms, "frames": frames}


def write_lips(body: dict[str, object], path: Path, stdout: TextIO) -> None:
    """To a file, whole or not at all; or to `stdout` for the path "-"."""
    text = json.dumps(body) + "\n"
    if path == STDOUT:
        stdout.write(text)
        return
    with whole_file(path) as fresh:
        fresh.write_text(text, encoding="utf-8")
