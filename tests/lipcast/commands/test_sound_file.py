"""Any kind of sound file is read exactly, or refused in words that help."""

from __future__ import annotations

import wave
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipcast.commands.errors import OfflineError
from lipcast.commands.sound_file import SAMPLE_RATE, Sound, open_sound
from tests.lipcast.commands.recordings import click, onset, write
from tests.sounds import Samples, tone

KINDS = [
    ("a.wav", 8_000, "pcm_s16le"),
    ("b.wav", 44_100, "pcm_f32le"),
    ("c.wav", 96_000, "pcm_s24le"),
    ("d.wav", 11_025, "pcm_u8"),
    ("e.wav", 16_000, "pcm_f64le"),
    ("f.flac", 22_050, "flac"),
    ("g.mp3", 44_100, "libmp3lame"),
    ("h.m4a", 48_000, "aac"),
    ("i.ogg", 48_000, "libopus"),
    ("j.webm", 48_000, "libopus"),
]


def heard(sound: Sound, size: int = 1920) -> Samples:
    return np.concatenate(list(sound.pieces(size)))


@pytest.mark.parametrize(("name", "rate", "codec"), KINDS)
def test_a_click_is_heard_when_it_was_recorded(tmp_path: Path, name: str, rate: int, codec: str) -> None:
    sound = open_sound(write(tmp_path / name, click(0.5, at=0.3, rate=rate), rate, codec))
    assert onset(heard(sound)) == pytest.approx(0.3, abs=0.001)
    assert sound.seconds == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_the_length_at_48_khz_follows_from_the_files(tmp_path: Path, rate: int) -> None:
    sound = open_sound(write(tmp_path / "a.wav", tone(0.2, rate=rate)[:-3], rate))
    assert sound.length == len(heard(sound)) == round((0.2 * rate - 3) * SAMPLE_RATE / rate)


def test_both_channels_are_kept(tmp_path: Path) -> None:
    left, right = tone(0.1, 300), tone(0.1, 500)
    sound = open_sound(write(tmp_path / "a.wav", np.stack([left, right], axis=1), codec="pcm_f32le"))
    np.testing.assert_array_equal(heard(sound), np.stack([left, right], axis=1))


def test_six_channels_become_two(tmp_path: Path) -> None:
    sound = open_sound(write(tmp_path / "a.wav", np.repeat(tone(0.1, level=0.1)[:, None], 6, axis=1)))
    assert heard(sound).shape == (4800, 2)


@pytest.mark.parametrize("size", [1, 7, 960, 1920, 5000, 100_000])
def test_pieces_of_any_size_are_the_same_sound(tmp_path: Path, size: int) -> None:
    sound = open_sound(write(tmp_path / "a.wav", tone(0.1, rate=44_100), 44_100))
    pieces = list(sound.pieces(size))
    assert {len(piece) for piece in pieces[:-1]} <= {size}
    np.testing.assert_array_equal(np.concatenate(pieces), heard(sound))


def test_what_is_beyond_full_scale_is_limited_and_counted(tmp_path: Path) -> None:
    samples = np.array([0, 0.5, 1.5, -3, 1, -1], np.float32)
    sound = open_sound(write(tmp_path / "a.wav", samples, codec="pcm_f32le"))
    assert sound.clipped == 2
    np.testing.assert_array_equal(heard(sound)[:, 0], np.clip(samples, -1, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_refused_with_its_time(tmp_path: Path, bad: float) -> None:
    samples = tone(0.5, rate=16_000)
    samples[4000] = bad
    path = write(tmp_path / "a.wav", np.stack([samples, samples], axis=1), 16_000, "pcm_f32le")
    with pytest.raises(OfflineError, match=r"a\.wav: the sample at 0\.250 s is NaN or infinite; export"):
        open_sound(path)


def test_a_file_without_a_sample_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
    with pytest.raises(OfflineError, match="holds no sound at all, 0 samples"):
        open_sound(tmp_path / "a.wav")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OfflineError, match=r"a\.wav: no such file; give a sound file"):
        open_sound(tmp_path / "a.wav")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(OfflineError, match="a folder; give a sound file"):
        open_sound(tmp_path)


@pytest.mark.parametrize("content", [b"", b"What a fine day it is.\n" * 20, bytes(5000)])
def test_what_is_not_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(OfflineError, match=r"speech\.wav: cannot be read as sound \(.*\); give a sound file"):
        open_sound(path)


def test_a_picture_is_refused_for_having_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(OfflineError, match="has no sound track"):
        open_sound(path)
