"""The rhythm: frames are taken just after the packet that completes them, and noise moves nothing."""

from __future__ import annotations

import random

import pytest

from streamer.audio.sender_clock import GUARD_S, PAUSED_S, SLACK_S, STEP_S, WINDOW, SenderClock


def settled(age_s: float, frames: int = 2000, jitter_s: float = 0.0, drift_s: float = 0.0) -> tuple[float, float]:
    """The age of the newest packet, and how far the frames have moved, after so many of them.

    drift_s: by how much the sender's packets come later each frame.
    """
    rhythm, noise, moved = SenderClock(), random.Random(1), 0.0
    for _ in range(frames):
        shift = rhythm.shift((age_s + noise.uniform(0, jitter_s)) % 0.020)
        age_s += shift - drift_s
        moved += shift
    return age_s % 0.020, moved


@pytest.mark.parametrize("age_ms", [0.5, 1, 3, 6, 9, 12, 19.5])
def test_the_frames_settle_just_after_a_packet(age_ms: float) -> None:
    age, moved = settled(age_ms / 1000)
    assert GUARD_S - SLACK_S - STEP_S <= age <= GUARD_S + SLACK_S + STEP_S
    assert abs(moved) <= 0.020


@pytest.mark.parametrize("ppm", [-200, 200])
def test_a_sender_whose_clock_is_off_is_followed(ppm: int) -> None:
    age, _ = settled(0.006, frames=15_000, drift_s=ppm * 1e-6 * 0.04)
    assert GUARD_S - SLACK_S - 2 * STEP_S <= age <= GUARD_S + SLACK_S + 2 * STEP_S


def test_it_waits_a_second_before_it_moves() -> None:
    rhythm = SenderClock()
    assert [rhythm.shift(0.015) for _ in range(WINDOW - 1)] == [0.0] * (WINDOW - 1)
    assert rhythm.shift(0.015) == -STEP_S


def test_jitter_is_left_to_the_jitter_buffer() -> None:
    rhythm, noise = SenderClock(), random.Random(1)
    assert {rhythm.shift(noise.uniform(0, 0.02)) for _ in range(500)} == {0.0}


def test_a_pause_is_forgotten() -> None:
    rhythm = SenderClock()
    for _ in range(WINDOW):
        rhythm.shift(0.015)
    assert rhythm.shift(PAUSED_S + 0.01) == 0.0
    assert rhythm.shift(float("inf")) == 0.0
    assert [rhythm.shift(0.015) for _ in range(WINDOW - 1)] == [0.0] * (WINDOW - 1)


def test_a_good_rhythm_is_kept() -> None:
    rhythm = SenderClock()
    assert {rhythm.shift(GUARD_S) for _ in range(100)} == {0.0}
