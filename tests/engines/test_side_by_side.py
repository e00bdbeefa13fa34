"""Calls that have no stream in common may run side by side: the pictures are those of one call after the other."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engines.api import SAMPLE_RATE, Avatar, Chunk, Engine, Step
from engines.loader import ENGINES, SHIPPED, Presenters, load_engine
from tests.sounds import voice

SPEAKERS = 3
Pictures = list[NDArray[np.uint8]]


def talk(engine: Engine, avatar: Avatar, speaker: int, wait: Callable[[], Any]) -> Pictures:
    """What one session shows: a voice that begins at another frame for each speaker. wait: before each chunk."""
    stream, shown = engine.open(avatar), []
    sound = voice(1.0, rate=SAMPLE_RATE).astype(np.float32)
    sound[: 2 * speaker * engine.timing.samples_per_frame] = 0
    for index, samples in enumerate(sound.reshape(-1, engine.timing.samples_per_frame)):
        wait()
        shown.append(engine.step([Step(stream, Chunk(samples, index))])[0].rgb)
    return shown


@pytest.mark.parametrize("name", ENGINES)
def test_sessions_that_are_drawn_side_by_side_show_what_they_show_alone(name: str) -> None:
    engine = load_engine(name, 2, threads=1)
    presenters = Presenters(SHIPPED)
    avatar = presenters.load(next(iter(presenters.all)))
    engine.prepare(avatar)
    alone = [talk(engine, avatar, speaker, lambda: None) for speaker in range(SPEAKERS)]
    barrier = Barrier(SPEAKERS, timeout=60)
    with ThreadPoolExecutor(SPEAKERS) as threads:
        asked = [threads.submit(talk, engine, avatar, speaker, barrier.wait) for speaker in range(SPEAKERS)]
        together = [one.result() for one in asked]
    np.testing.assert_array_equal(np.array(together), np.array(alone))
    assert not np.array_equal(alone[0], alone[1])
