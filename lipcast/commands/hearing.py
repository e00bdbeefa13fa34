"""A file's sound as an engine hears it: the live loop's own chunker and voice activity. Knows no engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from engines.api import Chunk, Timing
from lipcast.commands.sound_file import SAMPLE_RATE, Samples
from streamer.audio.resample import Resampler
from streamer.audio.vad import VoiceActivity


def piece_size(frame_rate: int) -> int:
    """Samples at 48 kHz of one video frame."""
    return SAMPLE_RATE // frame_rate


def hear(pieces: Iterable[Samples], size: int, vad_aggressiveness: int) -> Iterator[Chunk]:
    """One chunk for each piece, (≤ size, channels) at 48 kHz; channels are averaged, a short piece ends in silence."""
    chunker, voice = Resampler(), VoiceActivity(vad_aggressiveness)
    for piece in pieces:
        mono = np.zeros(size, np.float32)
        piece.mean(axis=1, out=mono[: len(piece)])
        chunk = chunker.chunk(mono, voiced=False)
        yield Chunk(chunk.samples, chunk.index, voice.hear(chunk.samples))


def until_drawn(chunks: Iterable[Chunk], timing: Timing) -> Iterator[Chunk]:
    """The chunks, then the silence that an engine must hear before it has drawn the last of their pictures."""
    following = 0
    for chunk in chunks:
        yield chunk
        following = chunk.index + 1
    for index in range(following, following + timing.lookahead_frames):
        yield Chunk(np.zeros(timing.samples_per_frame, np.float32), index, voiced=False)
