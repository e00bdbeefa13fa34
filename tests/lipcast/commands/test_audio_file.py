"""Any kind of sound file is read exactly, or refused in words that help."""

from __future__ import annotations

import wave
from pathlib import Path

import cv2
import numpy as np
import pytest

from lipcast.commands.audio_file import AudioFile, open_audio
from lipcast.commands.errors import CommandError
from streamer.audio.opus import SAMPLE_RATE
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


def heard(sound: AudioFile, size: int = 1920) -> Samples:
    return np.concatenate(list(sound.pieces(size)))


@pytest.mark.parametrize(("name", "rate", "codec"), KINDS)
def test_a_click_is_heard_when_it_was_recorded(tmp_path: Path, name: str, rate: int, codec: str) -> None:
    sound = open_audio(write(tmp_path / name, click(0.5, at=0.3, rate=rate), rate, codec))
    assert onset(heard(sound)) == pytest.approx(0.3, abs=0.001)
    assert sound.seconds == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
def test_the_length_at_48_khz_follows_from_the_files(tmp_path: Path, rate: int) -> None:
    sound = open_audio(write(tmp_path / "a.wav", tone(0.2, rate=rate)[:-3], rate))
    assert sound.length == len(heard(sound)) == round((0.2 * rate - 3) * SAMPLE_RATE / rate)


def test_both_channels_are_kept(tmp_path: Path) -> None:
    left, right = tone(0.1, 300), tone(0.1, 500)
    sound = open_audio(write(tmp_path / "a.wav", np.stack([left, right], axis=1), codec="pcm_f32le"))
    np.testing.assert_array_equal(heard(sound), np.stack([left, right], axis=1))


def test_six_channels_become_two(tmp_path: Path) -> None:
    sound = open_audio(write(tmp_path / "a.wav", np.repeat(tone(0.1, level=0.1)[:, None], 6, axis=1)))
    assert heard(sound).shape == (4800, 2)


@pytest.mark.parametrize("size", [1, 7, 960, 1920, 5000, 100_000])
def test_pieces_of_any_size_are_the_same_sound(tmp_path: Path, size: int) -> None:
    sound = open_audio(write(tmp_path / "a.wav", tone(0.1, rate=44_100), 44_100))
    pieces = list(sound.pieces(size))
    assert {len(piece) for piece in pieces[:-1]} <= {size}
    np.testing.assert_array_equal(np.concatenate(pieces), heard(sound))


def test_what_is_beyond_full_scale_is_limited_and_counted(tmp_path: Path) -> None:
    samples = np.array([0, 0.5, 1.5, -3, 1, -1], np.float32)
    sound = open_audio(write(tmp_path / "a.wav", samples, codec="pcm_f32le"))
    assert sound.clipped == 2
    np.testing.assert_array_equal(heard(sound)[:, 0], np.clip(samples, -1, 1))


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_refused_with_its_time(tmp_path: Path, bad: float) -> None:
    samples = tone(0.5, rate=16_000)
    samples[4000] = bad
    path = write(tmp_path / "a.wav", np.stack([samples, samples], axis=1), 16_000, "pcm_f32le")
    with pytest.raises(CommandError, match=r"a\.wav: the sample at 0\.250 s is NaN or infinite; export"):
        open_audio(path)


def test_a_file_without_a_sample_is_refused(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", "not compressed"))
    with pytest.raises(CommandError, match="holds no audio at all, 0 samples"):
        open_audio(tmp_path / "a.wav")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"a\.wav: no such file; give an audio file"):
        open_audio(tmp_path / "a.wav")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="a folder; give an audio file"):
        open_audio(tmp_path)


@pytest.mark.parametrize("content", [b"", b"What a fine day it is.\n" * 20, bytes(5000)])
def test_what_is_not_sound_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "speech.wav"
    path.write_bytes(content)
    with pytest.raises(CommandError, match=r"speech\.wav: cannot be read as audio \(.*\); give an audio file"):
        open_audio(path)


def test_a_picture_is_refused_for_having_no_sound(tmp_path: Path) -> None:
    path = tmp_path / "face.png"
    cv2.imwrite(str(path), np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(CommandError, match="has no audio track"):
        open_audio(path)


def joined(folder: Path, codec: str, suffix: str, parts: list[tuple[Samples, int]]) -> Path:
    """Files of each part, one after the other in one file."""
    path = folder / f"joined.{suffix}"
    files = [write(folder / f"{index}.{suffix}", samples, rate, codec) for index, (samples, rate) in enumerate(parts)]
    path.write_bytes(b"".join(file.read_bytes() for file in files))
    return path


def loud_seconds(audio: AudioFile) -> list[float]:
    """When each click begins."""
    loud = np.flatnonzero(np.abs(heard(audio)[:, 0]) > 0.2)
    begins = np.flatnonzero(np.diff(loud, prepend=-SAMPLE_RATE) > SAMPLE_RATE // 10)
    return [float(loud[index]) / SAMPLE_RATE for index in begins]


def test_joined_mp3_files_are_read_whole_with_a_warning(tmp_path: Path) -> None:
    """Each part has a tag of its own, which lies in the middle of the joined file and is no audio."""
    part = click(1.0, at=0.5, rate=24_000)
    audio = open_audio(joined(tmp_path, "libmp3lame", "mp3", [(part, 24_000)] * 3))
    assert loud_seconds(audio) == pytest.approx([0.5, 1.5, 2.5], abs=0.15)
    assert audio.seconds == pytest.approx(3.0, abs=0.2)
    assert audio.skipped == 2
    [warning] = audio.warnings()
    assert "joined.mp3: skipped 2 of " in warning
    assert "packets that cannot be decoded" in warning
    assert "export the recording as WAV" in warning


def test_a_rate_that_changes_inside_a_file_is_followed_with_a_warning(tmp_path: Path) -> None:
    parts = [(click(1.0, at=0.5, rate=rate), rate) for rate in (22_050, 44_100)]
    audio = open_audio(joined(tmp_path, "aac", "aac", parts))
    assert loud_seconds(audio) == pytest.approx([0.5, 1.5], abs=0.1)
    assert audio.seconds == pytest.approx(2.0, abs=0.15)
    assert audio.rates == (22_050, 44_100)
    [warning] = audio.warnings()
    assert "joined.aac: the sample rate changes inside the file (22050 Hz, then 44100 Hz)" in warning
    assert "resampled to 48000 Hz" in warning


def test_channels_that_change_inside_a_file_are_mixed_to_those_of_its_beginning(tmp_path: Path) -> None:
    mono = click(1.0, at=0.5)
    stereo = np.stack([mono, mono], axis=1)
    audio = open_audio(joined(tmp_path, "aac", "aac", [(mono, SAMPLE_RATE), (stereo, SAMPLE_RATE)]))
    assert audio.channels == 1
    assert loud_seconds(audio) == pytest.approx([0.5, 1.5], abs=0.1)


def damaged(path: Path, length: int) -> Path:
    """The file with so many bytes of zeros in its middle."""
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + length] = bytes(length)
    path.write_bytes(data)
    return path


TWO_CLICKS = click(4.0, at=0.5) + click(4.0, at=3.5) + tone(4.0, level=0.05)


@pytest.mark.parametrize(("name", "codec"), [("a.mp3", "libmp3lame"), ("a.m4a", "aac"), ("a.aac", "aac")])
def test_damage_in_the_middle_costs_little_and_is_counted(tmp_path: Path, name: str, codec: str) -> None:
    path = damaged(write(tmp_path / name, TWO_CLICKS, codec=codec), 300)
    audio = open_audio(path)
    assert len(loud_seconds(audio)) == 2
    assert audio.seconds == pytest.approx(4.0, abs=0.4)
    assert 1 <= audio.skipped <= 8 < audio.packets
    [warning] = audio.warnings()
    assert f"{path}: skipped {audio.skipped} of {audio.packets} packets" in warning


def test_a_damaged_packet_is_silence_so_that_what_follows_keeps_its_time(tmp_path: Path) -> None:
    audio = open_audio(damaged(write(tmp_path / "a.m4a", TWO_CLICKS, codec="aac"), 300))
    assert loud_seconds(audio) == pytest.approx([0.5, 3.5], abs=0.002)
    assert audio.seconds == pytest.approx(4.0, abs=0.03)


def test_an_undamaged_file_has_nothing_to_warn_of(tmp_path: Path) -> None:
    assert list(open_audio(write(tmp_path / "a.mp3", tone(0.5), codec="libmp3lame")).warnings()) == []


def test_a_file_of_which_nothing_can_be_decoded_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.m4a", tone(1.0), codec="aac")
    data = bytearray(path.read_bytes())
    start = data.index(b"mdat") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big") - 8
    data[start : start + length] = b"\xff" * length
    path.write_bytes(data)
    with pytest.raises(CommandError, match=r"a\.m4a: cannot be read as audio \(none of its \d+ packets .*\); give an"):
        open_audio(path)


def test_a_codec_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.wav", tone(0.1))
    data = bytearray(path.read_bytes())
    tag = data.index(b"fmt ") + 8  # the format's number, after the chunk's name and size
    data[tag : tag + 2] = b"\x99\x99"
    path.write_bytes(data)
    with pytest.raises(
        CommandError, match=r"a\.wav: cannot be read as audio \(of a codec that is not known\); give an"
    ):
        open_audio(path)
