"""How predicted lips are held against measured ones, with clips and folders made here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from benchmarks.lips import parse_arguments
from benchmarks.measuring.lip_drawing import best_middle_worst, save_drawing
from benchmarks.measuring.real_lips import (
    Followed,
    by_voice,
    held_out_means,
    means,
    measure,
    scores,
    table,
    wide_openings,
)
from engines.speech.trained import WEIGHTS
from scripts.training.speech.real_lips import MeasuredClip, read_clip
from scripts.training.speech.utterance import SAMPLE_RATE
from tests.scripts.training.speech.utterances import invented

SECONDS = 6.0
ROWS = int(SECONDS * 25)
ROW_TIMES = (0.04 * (np.arange(ROWS) + 0.5)).astype(np.float32)
HELD_OUT, TRAINED_ON = "s30", "s1"
WORDS = (("bin", 1.0, 2.0), ("blue", 2.0, 3.0))


def moving(seed: int = 0) -> np.ndarray:
    """An opening that never repeats, (ROWS,)."""
    noise = np.random.default_rng(seed).standard_normal(ROWS + 4)
    return (0.1 + 0.03 * np.convolve(noise, np.ones(5) / 5, "valid")).astype(np.float32)


def clip_of(name: str, talker: str, opening: np.ndarray, group: str = "grid", width: bool = True) -> MeasuredClip:
    unknown = np.full(ROWS, np.nan, np.float32)
    wide = (0.9 - opening).astype(np.float32) if width else unknown
    samples = np.zeros(int(SECONDS * SAMPLE_RATE), np.float32)
    words = WORDS if group == "grid" else ()
    return MeasuredClip(name, group, talker, "bin blue", samples, ROW_TIMES, opening, wide, unknown, words)


def followed(clip: MeasuredClip, predicted: np.ndarray) -> Followed:
    return Followed(clip, predicted.astype(np.float32), (0.9 - predicted).astype(np.float32))


@pytest.mark.parametrize("rows", [-3, 0, 2])
def test_a_late_prediction_has_a_positive_lag(rows: int) -> None:
    found = scores(followed(clip_of("a", HELD_OUT, moving()), np.roll(moving(), rows)))
    assert found["opening_best_lag_ms"] == 40 * rows
    assert found["opening_best_lag"] > 0.95
    assert found["width_best_lag_ms"] == 40 * rows


def test_frames_are_compared_at_their_own_times() -> None:
    clip = clip_of("a", HELD_OUT, moving())
    rate = 30.0  # the video's; predicted rows are 25 a second
    time = (np.arange(int(SECONDS * rate)) / rate + 0.05).astype(np.float32)
    opening = np.interp(time, ROW_TIMES, moving()).astype(np.float32)
    unknown = np.full(len(time), np.nan, np.float32)
    faster = MeasuredClip("a", "fluent", "x", "", clip.samples, time, opening, unknown, unknown, ())
    found = scores(followed(faster, moving()))
    assert found["opening"] == pytest.approx(1.0, abs=1e-3)
    assert "width" not in found


def test_frames_that_were_not_measured_are_left_out() -> None:
    opening = moving()
    opening[10:40] = np.nan
    predicted = moving()
    predicted[10:40] = 5.0
    assert scores(followed(clip_of("a", HELD_OUT, opening), predicted))["opening"] == pytest.approx(1.0, abs=1e-6)
    opening[20:] = np.nan
    assert scores(followed(clip_of("a", HELD_OUT, opening), predicted)) == {}


def test_what_lips_do_long_before_the_first_word_is_not_judged() -> None:
    predicted = moving()
    before = ROW_TIMES < WORDS[0][1] - 0.3
    predicted[before] = moving(1)[before] + 0.2
    found = scores(followed(clip_of("a", HELD_OUT, moving()), predicted))
    assert found["opening"] < 0.9
    assert found["opening_judged"] == pytest.approx(1.0, abs=1e-6)


def test_talkers_count_the_same_however_many_clips_they_have() -> None:
    good, bad = moving(), -moving()
    clips = [followed(clip_of(f"a{i}", "s30", moving()), good) for i in range(3)]
    clips += [followed(clip_of("b", "s32", moving()), bad), followed(clip_of("c", TRAINED_ON, moving()), bad)]
    talkers, held_out = by_voice(clips), held_out_means(clips)
    assert {name: round(of["opening"], 3) for name, of in talkers.items()} == {"s30": 1.0, "s32": -1.0, "s1": -1.0}
    assert set(held_out) == {"grid"}
    assert held_out["grid"]["opening"] == pytest.approx(0.0, abs=1e-6)


def test_a_mean_is_over_those_that_have_the_score() -> None:
    assert means([{"opening": 0.4, "width": 0.2}, {"opening": 0.6}]) == pytest.approx({"opening": 0.5, "width": 0.2})
    assert means([]) == {}


def write_clip(folder: Path, name: str, talker: str, said: tuple[str, ...] = ("bin", "blue"), **more: Any) -> Path:
    """Sound and lips of three seconds, as the folder's README describes them."""
    folder.mkdir(parents=True, exist_ok=True)
    with av.open(str(folder / f"{name}.flac"), "w") as file:
        stream = file.add_stream("flac", rate=SAMPLE_RATE, layout="mono")
        assert isinstance(stream, av.AudioStream)
        samples = np.round(invented(3.0).samples * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], "s16", "mono")
        frame.sample_rate = SAMPLE_RATE
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            file.mux(packet)
    opening = [round(float(v), 4) for v in moving()[:75]]
    told = {
        "speaker": talker, "sentence": " ".join(said), "fps": 25.0, "frames": 75, "first_frame_middle": 0.02,
        "aperture": [None, *opening[1:]], "width": [0.8 - v for v in opening],
        "words": [[word, 0.5 + i, 1.5 + i] for i, word in enumerate(said)],
    }  # fmt: skip
    path = folder / f"{name}.json"
    path.write_text(json.dumps(told | more))
    return path


def test_a_folder_is_measured_held_out_talkers_first(tmp_path: Path) -> None:
    for name, talker in (("s1_a", "s1"), ("s30_a", "s30"), ("s32_a", "s32")):
        write_clip(tmp_path / "grid", name, talker)
    write_clip(tmp_path / "fluent", "obama_a", "Barack Obama", words=[])
    result, found = measure(tmp_path, WEIGHTS, 80, None)
    assert list(result["talkers"]) == ["s30", "s32", "barack-obama", "s1"]
    assert [of["held_out"] for of in result["talkers"].values()] == [True, True, True, False]
    assert set(result["held_out"]) == {"grid", "fluent"}
    assert list(result["clips"]) == ["obama_a"]
    assert result["same_words"]["opening"]["one_talker"] == pytest.approx(1.0)
    assert "closures" not in result
    assert json.loads(json.dumps(result)) == result
    names = [name for name, _, _ in table(result)]
    assert names[:2] == ["real lips, held out, grid", "real lips, held out, fluent"]
    assert "… s1 (1, for training)" in names
    picture = tmp_path / "lips.png"
    save_drawing(picture, found)
    assert picture.read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("wrong", [{"frames": 70}, {"aperture": [0.1]}])
def test_a_clip_that_cannot_be_read_is_named(tmp_path: Path, wrong: dict[str, Any]) -> None:
    path = write_clip(tmp_path / "grid", "s30_a", "s30", **wrong)
    with pytest.raises(ValueError, match=r"s30_a\.json: expected"):
        measure(tmp_path, WEIGHTS, 80, None)
    path.write_text("{")
    with pytest.raises(ValueError, match=r"s30_a\.json: expected the keys"):
        read_clip(path)


def test_a_folder_without_clips_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"expected NAME\.flac and NAME\.json in grid"):
        measure(tmp_path, WEIGHTS, 80, None)


def test_best_middle_and_worst_are_of_held_out_talkers() -> None:
    real, noise = moving(), moving(1)
    clips = [followed(clip_of(f"h{i}", HELD_OUT, real), real + i * noise) for i in (0, 1, 9)]
    clips.append(followed(clip_of("t", TRAINED_ON, real), -real))
    assert [(name, one.clip.name) for name, one, _ in best_middle_worst(clips)] == [
        ("best", "h0"),
        ("median", "h1"),
        ("worst", "h9"),
    ]
    with pytest.raises(ValueError, match="held-out talkers"):
        best_middle_worst(clips[-1:])


def test_a_drawing_needs_a_name_that_says_png(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="name a PNG file"):
        save_drawing(tmp_path / "lips.txt", [followed(clip_of("a", HELD_OUT, moving()), moving())])


def test_wide_is_taken_while_the_talker_speaks() -> None:
    predicted = np.where((ROW_TIMES > 0.9) & (ROW_TIMES < 3.1), 0.1, 0.9)
    assert wide_openings([followed(clip_of("a", HELD_OUT, moving()), predicted)]) == {"s30": pytest.approx(0.1)}


def test_arguments_that_cannot_be_meant_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["--picture", "a.png"], "give --real FOLDER"),
        (["--real", str(tmp_path / "none")], "--real: expected a folder"),
    ):
        with pytest.raises(SystemExit):
            parse_arguments(arguments)
        assert said in capsys.readouterr().err
