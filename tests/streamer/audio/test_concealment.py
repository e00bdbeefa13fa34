"""Concealment and shortening: by pitch, and without a click."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from streamer.audio.concealment import (
    FADE,
    HISTORY,
    HOLD,
    MAX_PERIOD,
    MIN_PERIOD,
    Concealer,
    crossfade,
    pitch_period,
    shorten,
    splice,
)
from tests.sounds import RATE, silence, tone, voice


@pytest.mark.parametrize("hz", [80, 120, 200, 320])
def test_the_pitch_of_a_tone_is_found(hz: float) -> None:
    lag, likeness = pitch_period(tone(0.1, hz))
    periods = lag * hz / RATE
    assert abs(periods - round(periods)) < 0.05  # one period or several
    assert MIN_PERIOD <= lag <= MAX_PERIOD
    assert likeness > 0.95


def test_noise_has_no_pitch() -> None:
    noise = np.random.default_rng(1).normal(0, 0.1, HISTORY).astype(np.float32)
    assert pitch_period(noise)[1] < 0.5


@pytest.mark.parametrize("hz", [100, 150, 240])
def test_a_hole_in_a_tone_is_filled_without_a_click(hz: float) -> None:
    concealer, sound = Concealer(), tone(0.3, hz)
    steepest = np.abs(np.diff(sound)).max()
    played = np.concatenate([concealer.heard(sound[:9600]), concealer.conceal(960), concealer.heard(sound[10560:])])
    assert np.abs(np.diff(played)).max() < 2 * steepest


def test_concealment_goes_on_at_strength_and_then_fades_out() -> None:
    concealer = Concealer()
    concealer.heard(tone(0.1))
    filled = concealer.conceal(HOLD + FADE)
    assert np.abs(filled[:HOLD]).max() > 0.45
    assert np.abs(filled[-48:]).max() < 0.02
    np.testing.assert_array_equal(concealer.conceal(960), np.zeros(960))


def test_piecewise_concealment_equals_one_piece() -> None:
    one, many = Concealer(), Concealer()
    for concealer in (one, many):
        concealer.heard(voice(0.2))
    pieces = [many.conceal(count) for count in (480, 1, 479, 960)]
    np.testing.assert_allclose(np.concatenate(pieces), one.conceal(1920), atol=1e-6)


def test_after_concealment_true_sound_is_untouched_beyond_the_join() -> None:
    concealer, sound = Concealer(), voice(0.3)
    concealer.heard(sound[:4800])
    concealer.conceal(480)
    np.testing.assert_array_equal(concealer.heard(sound[4800:])[240:], sound[5040:])


def test_voice_is_shortened_by_whole_periods() -> None:
    sound = tone(0.06, 150)
    shorter = shorten(sound, 700)
    cut = (len(sound) - len(shorter)) * 150 / RATE
    assert cut == pytest.approx(round(cut), abs=0.03)
    assert cut >= 1
    assert np.abs(np.diff(shorter)).max() < 1.5 * np.abs(np.diff(sound)).max()


def test_quiet_is_cut_at_once() -> None:
    assert len(shorten(silence(0.06), 1000)) == 2880 - 1000


def test_noise_is_left_alone() -> None:
    noise = np.random.default_rng(2).normal(0, 0.1, 2880).astype(np.float32)
    assert shorten(noise, 1000) is noise


def test_too_little_to_cut_is_left_alone() -> None:
    sound = tone(0.06)
    assert shorten(sound, MIN_PERIOD - 1) is sound
    assert len(shorten(sound[: HISTORY - 1], 1000)) == HISTORY - 1


@given(st.integers(480, 4000), st.integers(1, 400))
def test_a_splice_has_the_length_asked_for_and_keeps_both_ends(length: int, cut: int) -> None:
    ramp = np.arange(length, dtype=np.float32)
    spliced = splice(ramp, cut)
    assert len(spliced) == length - cut
    assert spliced[-1] == ramp[-1]
    assert spliced[0] == ramp[0] or length - cut <= 240


def test_a_crossfade_leads_from_one_to_the_other() -> None:
    faded = crossfade(np.ones(100, np.float32), np.zeros(100, np.float32))
    assert (faded[0], faded[-1]) == (1, 0)
    assert np.all(np.diff(faded) <= 0)
