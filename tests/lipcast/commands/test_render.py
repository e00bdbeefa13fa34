"""A rendered video's pictures belong to its sound, exactly, and no half file is ever left."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from engines.api import Frame, Step
from engines.loader import UnknownEngine, UnknownPresenter
from lipcast.commands.audio_file import open_audio
from lipcast.commands.errors import CommandError
from lipcast.commands.files import whole_file
from lipcast.commands.render import RenderInputs, RenderJob, Report, render, write_video
from lipcast.testing import FakeAvatar, FakeClock, FakeEngine
from streamer.config import Config, EngineConfig
from tests.engines.face import tiny_avatar
from tests.lipcast.commands.recordings import click, onset, pictures_of, sound_of, write
from tests.sounds import silence, tone, voice


class StoppingEngine(FakeEngine):
    """Ctrl-C is pressed in the middle."""

    def step(self, steps: Sequence[Step]) -> list[Frame]:
        if len(self.batches) == 5:
            raise KeyboardInterrupt
        return super().step(steps)


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """With one presenter, "tiny"."""
    folder = tmp_path_factory.mktemp("presenters")
    tiny_avatar.save(folder / "tiny")
    return Config(engine=EngineConfig("warp", presenters=str(folder)))


def played(folder: Path, engine: FakeEngine, audio: Path) -> Path:
    out = folder / "talk.mp4"
    write_video(RenderInputs(engine, FakeAvatar(), open_audio(audio), 2), out, io.StringIO(), FakeClock().now)
    return out


def rendered(job: RenderJob, config: Config) -> Report:
    return render(job, config, io.StringIO(), FakeClock().now)


@pytest.mark.parametrize("lookahead", [0, 2, 4])
def test_the_picture_of_a_click_is_shown_when_the_click_is_heard(tmp_path: Path, lookahead: int) -> None:
    audio = write(tmp_path / "a.wav", click(0.8, at=0.41))
    out = played(tmp_path, FakeEngine(lookahead), audio)
    bright = pictures_of(out).mean(axis=(1, 2, 3)) > 100
    assert bright.nonzero()[0].tolist() == [10]  # 400 to 440 ms
    assert onset(sound_of(out)) == pytest.approx(0.41, abs=0.001)


def test_every_started_frame_of_sound_has_its_picture(tmp_path: Path) -> None:
    audio = write(tmp_path / "a.wav", tone(0.401))
    engine = FakeEngine(lookahead_frames=2)
    assert len(pictures_of(played(tmp_path, engine, audio))) == 11
    assert engine.streams[0].heard == list(range(13))


def test_the_audio_stays_what_it_was(tmp_path: Path) -> None:
    stereo = np.stack([voice(1.0), voice(1.0, level=0.1)], axis=1)
    out = sound_of(played(tmp_path, FakeEngine(), write(tmp_path / "a.wav", stereo, codec="pcm_f32le")))
    error = np.abs(out[: len(stereo)] - stereo).mean(axis=0) / np.abs(stereo).mean(axis=0)
    assert (error < 0.1).all()


def test_colours_come_through(tmp_path: Path) -> None:
    """The fake's greys, as a player would show them."""
    audio = write(tmp_path / "a.wav", tone(0.2, level=0.5))
    middle = pictures_of(played(tmp_path, FakeEngine(0), audio))[2]
    assert middle.mean() == pytest.approx(0.5 * 255, abs=4)


def test_a_whole_rendering_moves_the_mouth_in_speech_and_rests_it_in_silence(tmp_path: Path, config: Config) -> None:
    audio = write(tmp_path / "a.wav", np.concatenate([silence(0.8), voice(0.8), silence(0.8)]))
    job = RenderJob(audio, tmp_path / "talk.mp4", "tiny", tmp_path / "report.json")
    report = rendered(job, config)
    pictures = pictures_of(job.out).astype(int)
    loop = [pictures[index % 4] for index in range(len(pictures))]
    left, top, side = (int(value) for value in tiny_avatar.CROP)
    moved = np.abs(pictures - loop)[:, top : top + side, left : left + side].mean(axis=(1, 2, 3))
    assert moved[25:39].min() > 4 * moved[4:18].max()
    assert report.frames == len(pictures) == 60


def test_the_report_says_what_it_took(tmp_path: Path, config: Config) -> None:
    audio = write(tmp_path / "a.wav", tone(0.1, level=0.2))
    rendered(RenderJob(audio, tmp_path / "talk.mp4", report=tmp_path / "report.json"), config)
    body = json.loads((tmp_path / "report.json").read_text())
    assert {key: body[key] for key in ("frames", "seconds", "engine", "avatar", "lookahead_ms")} == {
        "frames": 3,
        "seconds": 0.1,
        "engine": "warp",
        "avatar": "tiny",
        "lookahead_ms": 80,
    }
    assert set(body["engine_ms_per_frame"]) == {"p50", "p95"}
    assert {"python", "lipcast", "av"} <= set(body["versions"])


def test_clipping_is_told(tmp_path: Path, config: Config) -> None:
    audio = write(tmp_path / "a.wav", tone(0.1, level=2.0), codec="pcm_f32le")
    words = io.StringIO()
    render(RenderJob(audio, tmp_path / "talk.mp4"), config, words, FakeClock().now)
    assert "samples beyond full scale are clipped" in words.getvalue()


def test_an_unknown_presenter_is_answered_with_those_that_exist(tmp_path: Path, config: Config) -> None:
    audio = write(tmp_path / "a.wav", tone(0.1))
    with pytest.raises(UnknownPresenter, match="no presenter 'ana'; there are: tiny"):
        rendered(RenderJob(audio, tmp_path / "talk.mp4", "ana"), config)


def test_an_unknown_engine_is_answered_with_those_that_exist(tmp_path: Path, config: Config) -> None:
    audio = write(tmp_path / "a.wav", tone(0.1))
    wrong = replace(config, engine=replace(config.engine, name="magic"))
    with pytest.raises(UnknownEngine, match=r"no engine 'magic'; there are: .*warp"):
        rendered(RenderJob(audio, tmp_path / "talk.mp4"), wrong)


def test_a_video_that_exists_is_kept_unless_forced(tmp_path: Path, config: Config) -> None:
    audio, out = write(tmp_path / "a.wav", tone(0.1)), tmp_path / "talk.mp4"
    out.write_text("dear")
    with pytest.raises(CommandError, match="exists already; give another name, or --force"):
        rendered(RenderJob(audio, out), config)
    assert out.read_text() == "dear"
    rendered(RenderJob(audio, out, force=True), config)
    assert len(pictures_of(out)) == 3


def test_the_audio_file_is_never_overwritten(tmp_path: Path, config: Config) -> None:
    audio = write(tmp_path / "a.mp4", tone(0.1), codec="aac")
    with pytest.raises(CommandError, match="is the audio file itself"):
        rendered(RenderJob(audio, audio, force=True), config)


@pytest.mark.parametrize(
    ("out", "words"),
    [
        ("talk.avi", r"give a name that ends in \.mp4"),
        ("nowhere/talk.mp4", "cannot be written .*No such file"),
        ("folder.mp4", "exists already|is a folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused(tmp_path: Path, config: Config, out: str, words: str) -> None:
    (tmp_path / "folder.mp4").mkdir()
    audio = write(tmp_path / "a.wav", tone(0.1))
    with pytest.raises(CommandError, match=words):
        rendered(RenderJob(audio, tmp_path / out, force=True), config)


def test_stopping_leaves_no_part_of_a_file(tmp_path: Path) -> None:
    inputs = RenderInputs(StoppingEngine(), FakeAvatar(), open_audio(write(tmp_path / "a.wav", tone(1.0))), 2)
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "talk.mp4") as fresh:
        write_video(inputs, fresh, io.StringIO(), FakeClock().now)
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_pictures_of_odd_size_are_refused_in_words(tmp_path: Path) -> None:
    inputs = RenderInputs(FakeEngine(), FakeAvatar(width=63), open_audio(write(tmp_path / "a.wav", tone(0.1))), 2)
    with pytest.raises(CommandError, match=r"63×48 pixels: H\.264 needs an even width and height"):
        write_video(inputs, tmp_path / "talk.mp4", io.StringIO(), FakeClock().now)
