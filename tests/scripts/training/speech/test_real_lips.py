"""Measured lips: what is read, how talkers are made alike, what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from scripts.training.speech.lip_track import LipTrack, resting_width, sampled
from scripts.training.speech.real_lips import CAPTURE_DELAY, read_clip, read_clips, tracks
from scripts.training.speech.utterance import SAMPLE_RATE


def write_clip(path: Path, talker: str, opening: list[float | None], fps: float = 25.0, **more: Any) -> Path:
    """NAME.json and a second or so of NAME.flac."""
    path.parent.mkdir(parents=True, exist_ok=True)
    width = [None if value is None else 0.5 + value for value in opening]
    told = {"speaker": talker, "fps": fps, "frames": len(opening), "first_frame_middle": 0.02}
    path.write_text(json.dumps(told | {"aperture": opening, "width": width} | more), encoding="utf-8")
    with av.open(str(path.with_suffix(".flac")), "w") as file:
        stream = file.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        noise = (1000 * np.random.default_rng(0).standard_normal((1, SAMPLE_RATE))).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(noise, "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        resampler = av.AudioResampler("s16", "mono", SAMPLE_RATE, 1024)
        for part in [*resampler.resample(frame), *resampler.resample(None), None]:
            file.mux(stream.encode(part))
    return path


def test_a_clip_has_its_times_words_and_gaps(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "grid/s9_a.json", "s9", [0.0, 0.1, None], sentence="bin", words=[["bin", 0.05, 0.1]])
    clip = read_clip(path)
    assert (clip.group, clip.talker, clip.text) == ("grid", "s9", "bin")
    np.testing.assert_allclose(clip.time, [0.02, 0.06, 0.10], atol=1e-6)
    assert np.isnan(clip.opening[2])
    assert clip.words == (("bin", 0.05, 0.1),)
    assert len(clip.samples) == SAMPLE_RATE


def test_frames_long_before_the_first_word_are_not_judged(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "grid/s9_a.json", "s9", [0.1] * 25, words=[["bin", 0.5, 0.8]])
    clip = read_clip(path)
    np.testing.assert_array_equal(clip.judged, clip.time > 0.2)
    assert clip.speaking.sum() < clip.judged.sum()


def test_talkers_who_open_differently_are_made_alike(tmp_path: Path) -> None:
    wave = [0.05 + 0.05 * float(np.sin(k)) for k in range(25)]
    write_clip(tmp_path / "grid/a_1.json", "a", list(wave))
    write_clip(tmp_path / "grid/b_1.json", "b", [2 * value for value in wave])
    found = tracks(read_clips(tmp_path))
    np.testing.assert_allclose(found["a_1"].opening, found["b_1"].opening, rtol=1e-4)
    np.testing.assert_allclose(found["a_1"].width, found["b_1"].width, atol=1e-3)
    assert np.percentile(found["a_1"].opening, 95) == pytest.approx(1.0, rel=1e-3)


def test_a_captured_head_gives_an_opening_and_rounding_and_no_width(tmp_path: Path) -> None:
    shapes = {
        "mouth_stretch_c": [0.0, 0.5, 0.2],
        "mouth_lowerLipDepress_l": [0.0, 0.2, 0.0],
        "mouth_upperLipRaise_l": [0.0, 0.2, 0.0],
        "mouth_suck_dl": [1.0, 0.0, 0.0],
        "mouth_oh_c": [0.0, 0.0, 0.4],
    }
    told = {"speaker": "c", "fps": 30.0, "frames": 3, "first_frame_middle": 0.0, "blendshapes": shapes}
    path = write_clip(tmp_path / "mandarin/c_1.json", "c", [0.0])
    path.write_text(json.dumps(told))
    clip = read_clip(path)
    np.testing.assert_allclose(clip.opening, [0.0, 0.7, 0.2], atol=1e-6)
    np.testing.assert_allclose(clip.rounding, [0.0, 0.0, 0.4], atol=1e-6)
    assert np.isnan(clip.width).all()
    assert clip.time[0] == pytest.approx(CAPTURE_DELAY)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"grid or fluent or mandarin of .*found none"):
        read_clips(tmp_path)
    path = write_clip(tmp_path / "grid/s9_a.json", "s9", [0.1] * 3, frames=4)
    with pytest.raises(ValueError, match=r"s9_a\.json: expected 4 frames, got 3"):
        read_clip(path)
    path.write_text("{}")
    with pytest.raises(ValueError, match=r"s9_a\.json: expected the keys"):
        read_clip(path)


def test_values_are_interpolated_over_lost_frames_and_not_over_longer_gaps() -> None:
    time = np.arange(0, 1, 0.04, dtype=np.float32)
    values = time.copy()
    values[5] = np.nan
    values[10:16] = np.nan
    found = sampled(time, values, np.array([0.2, 0.5, -0.5, 1.5], np.float32))
    assert found[0] == pytest.approx(0.2, abs=1e-6)
    assert np.isnan(found[1:]).all()


def test_a_track_is_laid_where_its_utterance_is() -> None:
    time = np.arange(0, 1, 0.04, dtype=np.float32)
    track = LipTrack(time, time, time, np.full(len(time), np.nan, np.float32))
    laid = track.sampled(400, 2.0, 2.5)
    np.testing.assert_allclose(laid.opening[200:250], np.arange(50) / 100, atol=1e-5)
    assert np.isnan(laid.opening[:200]).all()
    assert np.isnan(laid.opening[250:]).all()
    assert np.isnan(laid.rounding).all()
    part = track.between(0.4, 0.6)
    assert part.opening[0] == pytest.approx(part.time[0] + 0.4, abs=1e-6)


def test_the_resting_width_is_that_of_closed_lips_where_there_are_enough() -> None:
    opening = np.concatenate([np.zeros(100), np.ones(100)]).astype(np.float32)
    width = np.concatenate([np.full(100, 0.5), np.full(100, 0.7)]).astype(np.float32)
    assert resting_width(opening, width, 1.0) == pytest.approx(0.5)
    assert resting_width(np.ones(200, np.float32), width, 1.0) == pytest.approx(0.6)
