"""The runtime is warm before anybody comes, and says so where it cannot keep up."""

from __future__ import annotations

import logging
from itertools import count
from pathlib import Path

import pytest

from engines.loader import Presenters
from engines.speech.loader import load_lip_encoder
from lipcast.testing import FakeEngine
from streamer.audio.synthetic_speech import synthetic_speech
from streamer.wiring import WARM_UP_FRAMES, Runtime, say_if_slow, warm_up
from tests.streamer.server_harness import AVATAR


def test_synthetic_speech_moves_the_mouth_in_more_than_half_of_the_warm_up() -> None:
    """Of a mouth at rest a network draws nothing, and would not be warm."""
    stream = load_lip_encoder(2).open()
    moved = [stream.step(chunk.samples).coefficients.any() for chunk in synthetic_speech(640, WARM_UP_FRAMES)]
    assert all(moved[WARM_UP_FRAMES // 2 :])


def test_a_warm_up_tells_what_a_frame_takes(folder: Path) -> None:
    ticks = count()
    runtime = Runtime(FakeEngine(), Presenters(folder))
    assert warm_up(runtime, AVATAR, lambda: 0.003 * next(ticks)) == pytest.approx(3)


def test_a_warm_up_tells_of_frames_drawn_in_full_where_most_are_still(folder: Path) -> None:
    taken = [0.005, 0.005, 0.09, 0.005] * (WARM_UP_FRAMES // 4)
    reads = iter([reading for index, each in enumerate(taken) for reading in (float(index), index + each)])
    assert warm_up(Runtime(FakeEngine(), Presenters(folder)), AVATAR, reads.__next__) == pytest.approx(90)


@pytest.mark.parametrize(("frame_ms", "warnings"), [(39.0, 0), (1500.0, 1)])
def test_a_runtime_that_cannot_keep_up_is_said(
    frame_ms: float, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        say_if_slow(frame_ms)
    assert len(caplog.messages) == warnings
    assert all("1500 ms" in message and "--backend pytorch-cuda" in message for message in caplog.messages)
