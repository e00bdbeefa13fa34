"""Closures at p b m, as measured and as predicted."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.measuring.seen_closures import Closure, closures, closures_by_voice, shares
from engines.speech.trained import load_trained
from scripts.training.speech.lip_track import LipTrack
from scripts.training.speech.utterance import PERSON, Utterance, save
from tests.scripts.training.speech.utterances import LENGTH, PHONES, invented


def spoken(voice: str, closed: bool = True) -> Utterance:
    """Vowels and stops; lips, 25 frames a second, close at p and m or never."""
    said = invented(2.4, PERSON, voice)
    time = (0.04 * (np.arange(60) + 0.5)).astype(np.float32)
    phones = [PHONES[int(t / LENGTH) % len(PHONES)] for t in time]
    opening = np.array([0.05 if closed and phone in "pm" else 0.8 for phone in phones], np.float32)
    return replace(said, lips=LipTrack(time, opening, np.zeros_like(time), np.zeros_like(time)))


def test_shares_are_of_all_sounds_and_of_those_seen_closed() -> None:
    found = shares(
        [Closure(0.05, 0.1, True), Closure(0.05, 0.4, False), Closure(0.5, 0.1, False), Closure(0.4, 0.5, False)]
    )
    assert found == {"sounds": 4, "seen": 0.5, "encoder": 0.5, "encoder_shut": 0.25, "encoder_of_seen": 0.5}
    assert "encoder_of_seen" not in shares([Closure(0.5, 0.1, False)])


def test_closures_are_seen_where_lips_were_measured_closed() -> None:
    encoder = load_trained(80)
    seen = closures(encoder, [spoken("lips-s30")])
    assert [round(one.measured, 2) for one in seen] == [0.05] * 4
    assert [round(one.measured, 2) for one in closures(encoder, [spoken("lips-s30", closed=False)])] == [0.8] * 4


def test_a_sound_without_a_measured_frame_is_not_counted() -> None:
    lost = spoken("lips-s30")
    assert lost.lips is not None
    opening = np.where(lost.lips.time < 1.2, np.nan, lost.lips.opening).astype(np.float32)
    known = replace(lost, lips=replace(lost.lips, opening=opening))
    assert len(closures(load_trained(80), [known])) == 2


def test_held_out_talkers_are_counted_together(tmp_path: Path) -> None:
    for voice in ("lips-s30", "lips-s5", "lips-s1"):
        save(tmp_path / f"{voice}.npz", [spoken(voice, closed=voice != "lips-s5")])
    save(tmp_path / "people-vctk.npz", [spoken("vctk-p226")])
    found = closures_by_voice(load_trained(80), tmp_path)
    assert list(found) == ["held_out", "s1", "s30", "s5"]
    assert found["held_out"]["sounds"] == 8
    assert found["held_out"]["seen"] == pytest.approx(0.5)
    assert found["s1"]["seen"] == 1.0
