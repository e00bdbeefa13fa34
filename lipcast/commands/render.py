"""A sound file and a presenter → a video file, through the engine that serves the live loop. Knows no command line."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from engines.api import Avatar, Chunk, Engine, Frame, Step
from lipcast.commands.errors import OfflineError
from lipcast.commands.files import expect_free, whole_file
from lipcast.commands.hearing import hear, piece_size, until_drawn
from lipcast.commands.movie import Movie
from lipcast.commands.progress import Progress
from lipcast.commands.report import Report
from lipcast.commands.sound_file import Samples, Sound, open_sound
from lipcast.commands.wiring import load_cast
from streamer.config import Config

NOTICE = "The picture is AI-generated: a virtual presenter whose lips follow the sound. Made with Lipcast."

Clock = Callable[[], float]  # monotonic seconds


@dataclass(frozen=True, slots=True)
class RenderJob:
    """What is to be rendered. presenter: empty for the one that is offered first; report: None for none."""

    audio: Path
    out: Path
    presenter: str = ""
    report: Path | None = None
    force: bool = False

    def check(self) -> None:
        """
        Raises:
            OfflineError: the files named cannot be what they are named for.
        """
        if self.out.suffix.lower() != ".mp4":
            raise OfflineError(f"{self.out}: the video is an MP4 file; give a name that ends in .mp4")
        if self.out.exists() and self.audio.exists() and self.out.samefile(self.audio):
            raise OfflineError(f"{self.out}: is the sound file itself; give the video another name")
        expect_free(self.out, self.force)
        if self.report is not None and not self.report.parent.is_dir():
            raise OfflineError(f"{self.report}: there is no folder {self.report.parent}; make it first")


def render(order: RenderJob, config: Config, words: TextIO, clock: Clock) -> Report:
    """Write the video, then the report; `words` is told of the progress.

    Raises:
        OfflineError, AvatarError: nothing has been written then, and no part of a file is left behind.
    """
    order.check()
    sound = open_sound(order.audio)
    engine, avatar = load_cast(config.engine, order.presenter)
    if sound.clipped:
        words.write(f"{order.audio}: {sound.clipped} samples beyond full scale are clipped; record more quietly\n")
    started = clock()
    with whole_file(order.out) as fresh:
        engine_s = film(RenderInputs(engine, avatar, sound, config.audio.vad_aggressiveness), fresh, words, clock)
    report = Report(
        engine=config.engine.name,
        avatar=avatar.name,
        lookahead_ms=1000 * engine.timing.lookahead_frames // engine.timing.frame_rate,
        sound_s=sound.seconds,
        clipped_samples=sound.clipped,
        elapsed_s=clock() - started,
        engine_s=tuple(engine_s),
    )
    if order.report is not None:
        with whole_file(order.report) as fresh:
            fresh.write_text(json.dumps(report.body(), indent=2) + "\n", encoding="utf-8")
    return report


@dataclass(frozen=True, slots=True)
class RenderInputs:
    """Who says what."""

    engine: Engine
    avatar: Avatar
    sound: Sound
    vad_aggressiveness: int

    @property
    def frames(self) -> int:
        return -(-self.sound.length // self.piece_size)

    @property
    def piece_size(self) -> int:
        return piece_size(self.engine.timing.frame_rate)


def film(play: RenderInputs, path: Path, words: TextIO, clock: Clock) -> list[float]:
    """Write the video to `path`; the seconds that the engine took for each frame."""
    size, frame_rate = play.piece_size, play.engine.timing.frame_rate
    engine_s = []
    with (
        Movie(path, (play.avatar.width, play.avatar.height), frame_rate, play.sound.channels) as movie,
        Progress(play.frames, frame_rate, words, clock) as progress,
    ):
        movie.describe(play.sound.path.stem, NOTICE)
        pieces = recorded(play.sound.pieces(size), movie)
        for frame, seconds in drawn(play, hear(pieces, size, play.vad_aggressiveness), clock):
            movie.picture(frame.rgb)
            engine_s.append(seconds)
            progress.show(len(engine_s))
    return engine_s


def recorded(pieces: Iterable[Samples], movie: Movie) -> Iterator[Samples]:
    for piece in pieces:
        movie.sound(piece)
        yield piece


def drawn(play: RenderInputs, chunks: Iterable[Chunk], clock: Clock) -> Iterator[tuple[Frame, float]]:
    """Frame t for chunk t, from 0 on, and the seconds that the engine took."""
    stream = play.engine.open(play.avatar)
    for chunk in until_drawn(chunks, play.engine.timing):
        started = clock()
        frame = play.engine.step([Step(stream, chunk)])[0]
        if frame.index >= 0:
            yield frame, clock() - started
