"""The warp engine with the lip encoder that ships: silence is still, speech moves, a stop is at once."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.api import SAMPLE_RATE, Chunk, Step
from engines.speech.api import FRAME_SAMPLES
from engines.speech.loader import load_lip_encoder
from engines.warp.engine import WarpEngine, WarpStream
from tests.engines.face import tiny_avatar as tiny

AVATAR = tiny.avatar()
LOOKAHEAD = 2  # frames
CLOSED, OPEN = 0.1, 0.5  # grey levels of mean difference from the loop


@pytest.fixture(scope="module")
def engine() -> WarpEngine:
    return WarpEngine(load_lip_encoder(LOOKAHEAD))


def vowel(frames: int) -> NDArray[np.float32]:
    """An open vowel at 105 to 155 Hz: harmonics under the formants of [a], 700, 1200 and 2600 Hz."""
    time = np.arange(frames * FRAME_SAMPLES) / SAMPLE_RATE
    phase = 2 * np.pi * 130 * time - 25 / 2 * np.cos(2 * np.pi * 2 * time)  # a steady pitch is a machine's
    sound = np.zeros_like(time)
    for harmonic in range(1, 30):
        pitch = 130.0 * harmonic
        weight = sum(np.exp(-(((pitch - formant) / 150) ** 2)) for formant in (700, 1200, 2600))
        sound += (weight + 0.05) * np.sin(harmonic * phase)
    loud: NDArray[np.float32] = (0.3 * sound / np.abs(sound).max()).astype(np.float32)
    return loud


def moved(engine: WarpEngine, stream: WarpStream, sound: NDArray[np.float32], start: int) -> list[float]:
    """By how much each frame differs from the loop's."""
    changes = []
    for index, samples in enumerate(sound.reshape(-1, FRAME_SAMPLES), start):
        image = engine.step([Step(stream, Chunk(samples, index))])[0].rgb
        changes.append(float(np.abs(image.astype(int) - AVATAR.loop[index % tiny.FRAMES]).mean()))
    return changes


def test_silence_keeps_the_mouth_closed(engine: WarpEngine) -> None:
    assert max(moved(engine, engine.open(AVATAR), np.zeros(20 * FRAME_SAMPLES, np.float32), 0)) < CLOSED


def test_a_vowel_opens_the_mouth_and_silence_closes_it(engine: WarpEngine) -> None:
    stream = engine.open(AVATAR)
    quiet = np.zeros(15 * FRAME_SAMPLES, np.float32)
    changes = moved(engine, stream, np.concatenate([quiet, vowel(15), quiet, quiet]), 0)
    assert max(changes[:15]) < CLOSED
    assert max(changes[17:30]) > OPEN
    assert max(changes[-10:]) < CLOSED


def test_reset_closes_the_mouth_on_the_next_frame(engine: WarpEngine) -> None:
    stream = engine.open(AVATAR)
    quiet = np.zeros(15 * FRAME_SAMPLES, np.float32)
    spoken = np.concatenate([quiet, vowel(8)])
    assert max(moved(engine, stream, spoken, 0)[-3:]) > OPEN
    engine.reset(stream)
    assert max(moved(engine, stream, quiet, len(spoken) // FRAME_SAMPLES)) < CLOSED
