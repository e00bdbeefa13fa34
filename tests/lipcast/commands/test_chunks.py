"""Chunks of an audio file are those that the live loop makes of a microphone."""

from __future__ import annotations

import numpy as np

from engines.api import Chunk, Timing
from lipcast.commands.audio_file import chunks_of, piece_size, until_drawn
from streamer.audio.resample import Resampler
from streamer.audio.vad import VoiceActivity
from tests.sounds import Samples, silence, voice

SIZE = piece_size(25)
SPOKEN = np.concatenate([silence(0.4), voice(0.8), silence(0.4)])


def columns(samples: Samples) -> list[Samples]:
    return [piece[:, None] for piece in np.split(samples, range(SIZE, len(samples), SIZE))]


def test_pieces_become_the_chunks_of_the_whole() -> None:
    chunks = list(chunks_of(columns(SPOKEN), SIZE, 2))
    assert [chunk.index for chunk in chunks] == list(range(40))
    np.testing.assert_allclose(
        np.concatenate([chunk.samples for chunk in chunks]), Resampler().decimate(SPOKEN), atol=1e-6
    )


def test_voice_is_noticed_as_in_the_live_loop() -> None:
    chunks = list(chunks_of(columns(SPOKEN), SIZE, 2))
    live = VoiceActivity(2)
    assert [chunk.voiced for chunk in chunks] == [live.hear(piece[:, 0]) for piece in columns(SPOKEN)]
    assert {chunk.voiced for chunk in chunks} == {False, True}


def test_a_short_piece_ends_in_silence() -> None:
    [chunk] = chunks_of([np.ones((960, 1), np.float32)], SIZE, 2)
    assert chunk.samples.shape == (640,)
    assert abs(chunk.samples[-100:]).max() == 0


def test_both_channels_are_heard() -> None:
    left = np.stack([voice(0.04), silence(0.04)], axis=1)
    [chunk] = chunks_of([left], SIZE, 2)
    [whole] = chunks_of(columns(voice(0.04)), SIZE, 2)
    np.testing.assert_allclose(chunk.samples, whole.samples / 2, atol=1e-6)


def test_the_look_ahead_is_filled_with_silence() -> None:
    chunks = list(until_drawn([Chunk(np.ones(640, np.float32), 0)], Timing(lookahead_frames=3)))
    assert [chunk.index for chunk in chunks] == [0, 1, 2, 3]
    assert not any(chunk.samples.any() or chunk.voiced for chunk in chunks[1:])
