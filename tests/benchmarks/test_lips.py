"""How the lip benchmark counts and what it refuses, with clips and files made here."""

from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.lips import BARS, Gestures, Results, _clips, held_out, noisy, read_wave, table
from engines.motion import COEFFICIENTS, LipMotion
from scripts.training.speech.random_motions import unspoken
from scripts.training.speech.utterance import PERSON, save
from tests.scripts.training.speech.utterances import invented


def wave_of(path: Path, rate: int, channels: int = 1) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(np.array([0, 16384] * channels, np.int16).tobytes())
    return path


def rows(pucker: float, count: int = 10) -> list[LipMotion]:
    shape = np.zeros(len(COEFFICIENTS), np.float32)
    shape[COEFFICIENTS.index("mouthPucker")] = pucker
    return [unspoken(shape) for _ in range(count)]


def test_recordings_are_read_at_16_khz_mono_and_others_refused(tmp_path: Path) -> None:
    assert read_wave(wave_of(tmp_path / "a.wav", 16_000)).tolist() == [0.0, 0.5]
    with pytest.raises(ValueError, match=r"expected 16 kHz mono, got 44100 Hz × 1"):
        read_wave(wave_of(tmp_path / "b.wav", 44_100))
    with pytest.raises(ValueError, match=r"got 16000 Hz × 2"):
        read_wave(wave_of(tmp_path / "c.wav", 16_000, channels=2))


def test_noise_lies_10_db_below_the_speech() -> None:
    speech = invented(2.0).samples
    noise = noisy(speech) - speech
    ratio = 20 * np.log10(np.sqrt(np.mean(speech**2)) / np.sqrt(np.mean(noise**2)))
    assert ratio == pytest.approx(10, abs=0.2)
    np.testing.assert_array_equal(noisy(speech), noisy(speech))


def test_utterances_are_taken_by_twos_and_the_last_is_left_out() -> None:
    clips = _clips([invented(0.4) for _ in range(5)], 2)
    assert len(clips) == 2


def test_held_out_speech_is_sorted_by_whose_it_is(tmp_path: Path) -> None:
    save(
        tmp_path / "shard000.npz",
        [invented(0.6, "hts", "cmu_us_slt_arctic_hts")] * 4
        + [invented(0.6, "espeak", "en+klatt3")] * 4
        + [invented(0.6, "espeak", "en-us+f2")] * 4,
    )
    save(tmp_path / "people-vctk.npz", [invented(0.6, PERSON, "vctk-p226")] * 4)
    groups = held_out(tmp_path, 10)
    assert {name: len(clips) for name, clips in groups.items()} == {"voices": 2, "synthesiser": 2, "people": 2}
    assert {name: len(clips) for name, clips in held_out(tmp_path, 1).items()} == dict.fromkeys(groups, 1)


def test_without_held_out_people_there_is_no_such_group(tmp_path: Path) -> None:
    save(tmp_path / "shard000.npz", [invented(0.6, "hts", "a"), invented(0.6, "espeak", "sv")] * 2)
    save(tmp_path / "people-ljspeech.npz", [invented(0.6, PERSON, "ljspeech")] * 4)
    assert set(held_out(tmp_path, 4)) == {"voices", "synthesiser"}


def test_people_with_measured_lips_and_those_without_phones_are_not_in_the_group(tmp_path: Path) -> None:
    save(tmp_path / "shard000.npz", [invented(0.6, "hts", "a"), invented(0.6, "espeak", "sv")] * 2)
    save(tmp_path / "lips-s30.npz", [invented(0.6, PERSON, "lips-s30")] * 4)
    save(tmp_path / "people-mls.npz", [replace(invented(0.6, PERSON, "mls-es"), segments=())] * 4)
    assert set(held_out(tmp_path, 4)) == {"voices", "synthesiser"}


def test_gestures_of_all_clips_are_counted_together() -> None:
    seen = Gestures()
    rounded = np.stack([row.coefficients for row in rows(0.8)])
    seen.count(rows(0.8), [], rounded)
    seen.count(rows(0.0), [], rounded)
    results = seen.results()
    assert results["rounding_rows_f1"] == pytest.approx(2 / 3)  # half of the rows are found, none is false
    assert results["tuck_f1"] == 0.0


def test_the_table_shows_every_value_with_its_bar() -> None:
    results: Results = {"closures_found": 0.93, "by_lookahead_ms": {"0": 0.79, "80": 0.891}, "lookahead_ms": 80}
    assert table(results) == [
        ("closures_found", "0.930", BARS["closures_found"]),
        ("by_lookahead_ms", "0: 0.790  80: 0.891", ""),
        ("lookahead_ms", "80", ""),
    ]
