"""Lip motions of a file: the rows, their times and their names."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engines.motion import COEFFICIENTS, VISEMES
from engines.speech.lips import motions
from engines.speech.loader import load_lip_encoder
from lipcast.commands.errors import CommandError
from lipcast.commands.lips import STDOUT, lips, write_lips
from lipcast.testing import FakeClock
from streamer.audio.resample import Resampler
from streamer.config import Config
from tests.lipcast.commands.recordings import write
from tests.sounds import RATE, Samples, silence, voice

UTTERANCE = np.concatenate([silence(0.8), voice(0.8), silence(0.8)])


def of(folder: Path, samples: Samples = UTTERANCE, rate: int = RATE, codec: str = "pcm_s16le") -> dict[str, Any]:
    return told(write(folder / "a.wav", samples, rate, codec), Config())


def told(path: Path, config: Config) -> dict[str, Any]:
    return lips(path, config, io.StringIO(), FakeClock().now)


def apertures(body: dict[str, Any]) -> Samples:
    return np.array([row["aperture"] for row in body["frames"]], np.float32)


def test_the_keys_are_those_of_the_format(tmp_path: Path) -> None:
    body = of(tmp_path)
    assert list(body) == ["fps", "lookahead_ms", "frames"]
    assert (body["fps"], body["lookahead_ms"], len(body["frames"])) == (25, 80, 60)
    row = body["frames"][30]
    assert list(row) == ["t", "aperture", "width", "coefficients", "visemes"]
    assert tuple(row["coefficients"]) == COEFFICIENTS
    assert tuple(row["visemes"]) == VISEMES


def test_t_is_the_middle_of_each_frame(tmp_path: Path) -> None:
    assert [row["t"] for row in of(tmp_path)["frames"][:3]] == [0.02, 0.06, 0.1]


def test_values_are_in_their_ranges(tmp_path: Path) -> None:
    for row in of(tmp_path)["frames"]:
        assert all(0 <= value <= 1 for value in row["coefficients"].values())
        assert sum(row["visemes"].values()) == pytest.approx(1, abs=1e-3)


def test_the_mouth_opens_with_the_voice_and_closes_after_it(tmp_path: Path) -> None:
    opening = apertures(of(tmp_path))
    spoken = opening > 0.3 * opening.max()
    assert 18 <= int(spoken.nonzero()[0][0]) <= 21  # the voice begins with frame 20 …
    assert 37 <= int(spoken.nonzero()[0][-1]) <= 42  # … and ends with frame 39


def test_rows_are_the_motions_of_the_whole_recording(tmp_path: Path) -> None:
    whole = Resampler().decimate(UTTERANCE)
    expected = np.array([motion.aperture for motion in motions(load_lip_encoder(2), whole)])
    np.testing.assert_allclose(apertures(of(tmp_path, codec="pcm_f32le")), expected, atol=1e-3)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_other_rates_move_the_lips_alike(tmp_path: Path, rate: int) -> None:
    parts = [silence(0.8, rate), voice(0.8, rate=rate), silence(0.8, rate)]
    opening = apertures(of(tmp_path, np.concatenate(parts), rate))
    assert np.corrcoef(opening, apertures(of(tmp_path)))[0, 1] > 0.95


def test_stereo_moves_the_lips_as_mono_does(tmp_path: Path) -> None:
    stereo = np.stack([UTTERANCE, UTTERANCE], axis=1)
    np.testing.assert_allclose(apertures(of(tmp_path, stereo)), apertures(of(tmp_path)), atol=1e-3)


def test_a_clipped_recording_still_moves_the_lips(tmp_path: Path) -> None:
    opening = apertures(of(tmp_path, 20 * UTTERANCE, codec="pcm_f32le"))
    assert opening[22:38].mean() > 5 * opening[:18].mean()


def test_a_single_sample_is_one_row(tmp_path: Path) -> None:
    assert len(of(tmp_path, silence(1 / RATE))["frames"]) == 1


def test_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="NaN"):
        of(tmp_path, np.array([0, np.nan, 0], np.float32), codec="pcm_f32le")


@pytest.mark.parametrize("lookahead_ms", [0, 160])
def test_the_look_ahead_is_the_callers(tmp_path: Path, lookahead_ms: int) -> None:
    config = replace(Config(), engine=replace(Config().engine, lookahead_ms=lookahead_ms))
    body = told(write(tmp_path / "a.wav", UTTERANCE), config)
    assert (body["lookahead_ms"], len(body["frames"])) == (lookahead_ms, 60)


def test_a_file_and_standard_output_get_the_same_json(tmp_path: Path) -> None:
    body, stdout = of(tmp_path, silence(0.1)), io.StringIO()
    write_lips(body, STDOUT, stdout)
    write_lips(body, tmp_path / "lips.json", stdout)
    assert json.loads(stdout.getvalue()) == json.loads((tmp_path / "lips.json").read_text()) == body
