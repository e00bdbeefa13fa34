"""An audio file and a presenter → a video file, through the engine that serves live sessions. Knows no command line."""

from __future__ import annotations

import json
import platform
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TextIO

import numpy as np

from engines.api import Avatar, Chunk, Engine, Frame, Step
from lipcast.commands.audio_file import AudioFile, Samples, chunks_of, open_audio, piece_size, until_drawn
from lipcast.commands.errors import CommandError
from lipcast.commands.files import expect_free, whole_file
from lipcast.commands.progress import Progress
from lipcast.commands.video_file import VideoFile
from streamer.config import Config, EngineConfig
from streamer.recording.mark import NOTICE, xmp_box
from streamer.recording.signing import NotSigned, Signer, signer_of
from streamer.wiring import load_engine_of, presenters_of

PACKAGES = ("lipcast", "av", "numpy", "onnxruntime", "opencv-python-headless")  # whose versions a report names

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
            CommandError: the files named cannot be what they are named for.
        """
        if self.out.suffix.lower() != ".mp4":
            raise CommandError(f"{self.out}: the video is an MP4 file; give a name that ends in .mp4")
        if self.out.exists() and self.audio.exists() and self.out.samefile(self.audio):
            raise CommandError(f"{self.out}: is the audio file itself; give the video another name")
        expect_free(self.out, self.force)
        if self.report is not None and not self.report.parent.is_dir():
            raise CommandError(f"{self.report}: there is no folder {self.report.parent}; make it first")


@dataclass(frozen=True, slots=True)
class Report:
    """What a rendering took. audio_s: seconds of the file; elapsed_s: of the whole rendering; engine_s: of the engine,
    for each frame; skipped_packets: of the file, which could not be decoded."""

    engine: str
    avatar: str
    lookahead_ms: int
    audio_s: float
    clipped_samples: int
    skipped_packets: int
    elapsed_s: float
    engine_s: tuple[float, ...]

    @property
    def frames(self) -> int:
        return len(self.engine_s)

    @property
    def frames_per_second(self) -> float:
        return self.frames / max(self.elapsed_s, 1e-9)

    @property
    def engine_ms(self) -> tuple[float, float]:
        """The median and the 95th percentile."""
        p50, p95 = np.percentile(np.array(self.engine_s) * 1000, (50, 95))
        return float(p50), float(p95)

    def body(self) -> dict[str, object]:
        """The report as JSON."""
        p50, p95 = self.engine_ms
        return {
            "frames": self.frames,
            "seconds": round(self.audio_s, 3),
            "engine": self.engine,
            "avatar": self.avatar,
            "lookahead_ms": self.lookahead_ms,
            "clipped_samples": self.clipped_samples,
            "skipped_packets": self.skipped_packets,
            "elapsed_seconds": round(self.elapsed_s, 3),
            "fps": round(self.frames_per_second, 1),
            "engine_ms_per_frame": {"p50": round(p50, 2), "p95": round(p95, 2)},
            "versions": {"python": platform.python_version(), **{name: version(name) for name in PACKAGES}},
        }

    def sentence(self) -> str:
        p50, p95 = self.engine_ms
        return (
            f"{self.frames} frames, {self.audio_s:.1f} s, in {self.elapsed_s:.1f} s"
            f" ({self.frames_per_second:.0f} frames/s; the engine {p50:.1f} ms a frame, p95 {p95:.1f} ms)"
        )


@dataclass(frozen=True, slots=True)
class RenderInputs:
    """What a video is made of, loaded."""

    engine: Engine
    avatar: Avatar
    audio: AudioFile
    vad_aggressiveness: int

    @property
    def frames(self) -> int:
        return -(-self.audio.length // self.piece_size)

    @property
    def piece_size(self) -> int:
        return piece_size(self.engine.timing.frame_rate)


def render(job: RenderJob, config: Config, log: TextIO, clock: Clock) -> Report:
    """Write the video, then the report; `log` is told of warnings and progress.

    Raises:
        CommandError, AvatarError, PackError, LookupError: nothing has been written then, and no part of a file is left
            behind.
    """
    job.check()
    signer = signer_of(config.c2pa)
    audio = open_audio(job.audio)
    engine, avatar = load_engine_and_avatar(config.engine, job.presenter)
    log.writelines(f"{line}\n" for line in audio.warnings())
    started = clock()
    with whole_file(job.out) as fresh:
        engine_s = write_video(RenderInputs(engine, avatar, audio, config.audio.vad_aggressiveness), fresh, log, clock)
        mark(fresh, signer)
    report = Report(
        engine=config.engine.name,
        avatar=avatar.name,
        lookahead_ms=1000 * engine.timing.lookahead_frames // engine.timing.frame_rate,
        audio_s=audio.seconds,
        clipped_samples=audio.clipped,
        skipped_packets=audio.skipped,
        elapsed_s=clock() - started,
        engine_s=tuple(engine_s),
    )
    if job.report is not None:
        with whole_file(job.report) as fresh:
            fresh.write_text(json.dumps(report.body(), indent=2) + "\n", encoding="utf-8")
    return report


def mark(video: Path, signer: Signer | None) -> None:
    """Mark the video as AI-generated, for programs, and sign it where a certificate is configured.

    Raises:
        CommandError: it cannot be signed.
    """
    with video.open("ab") as file:  # a box at the end moves none of those before
        file.write(xmp_box())
    if signer is not None:
        try:
            signer.sign(video)
        except NotSigned as error:
            raise CommandError(f"the video cannot be signed ({error}); see [c2pa] in the configuration") from error


def load_engine_and_avatar(config: EngineConfig, presenter: str) -> tuple[Engine, Avatar]:
    """The configuration's engine and a presenter; an empty name is the one offered first.

    Raises:
        UnknownEngine, UnknownBackend, UnknownPresenter, AvatarError, PackError: with what exists and the fix.
    """
    engine, presenters = load_engine_of(config), presenters_of(config)
    return engine, presenters.load(presenter or config.presenter or next(iter(presenters.all)))


def write_video(inputs: RenderInputs, path: Path, log: TextIO, clock: Clock) -> list[float]:
    """Write the video to `path`; the seconds that the engine took for each frame."""
    size, frame_rate = inputs.piece_size, inputs.engine.timing.frame_rate
    engine_s = []
    with (
        VideoFile(path, (inputs.avatar.width, inputs.avatar.height), frame_rate, inputs.audio.channels) as video,
        Progress(inputs.frames, frame_rate, log, clock) as progress,
    ):
        video.describe(inputs.audio.path.stem, NOTICE)
        pieces = recorded(inputs.audio.pieces(size), video)
        for frame, seconds in drawn(inputs, chunks_of(pieces, size, inputs.vad_aggressiveness), clock):
            video.frame(frame.rgb)
            engine_s.append(seconds)
            progress.show(len(engine_s))
    return engine_s


def recorded(pieces: Iterable[Samples], video: VideoFile) -> Iterator[Samples]:
    """The pieces, each written to the video as it passes."""
    for piece in pieces:
        video.audio(piece)
        yield piece


def drawn(inputs: RenderInputs, chunks: Iterable[Chunk], clock: Clock) -> Iterator[tuple[Frame, float]]:
    """Frame t for chunk t, from 0 on, and the seconds that the engine took."""
    stream = inputs.engine.open(inputs.avatar)
    try:
        for chunk in until_drawn(chunks, inputs.engine.timing):
            started = clock()
            frame = inputs.engine.step([Step(stream, chunk)])[0]
            if frame.index >= 0:
                yield frame, clock() - started
    finally:
        inputs.engine.close(stream)
